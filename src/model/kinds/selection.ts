import { z } from 'zod'

/** What every converted kind of server has in its entry of `sallyport.yaml`. */
export const selectionSpec = z
  .strictObject({
    include: z
      .array(z.string().min(1))
      .default([])
      .describe('Operations or tool names with *, e.g. "GET /pets/*", list_*; all when empty'),
    exclude: z.array(z.string().min(1)).default([]),
    rename: z
      .record(z.string(), z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, '1 to 64 of A-Z a-z 0-9 _ -'))
      .default({})
      .describe('Tool name by operation or by the name it would get'),
  })
  .describe('Which operations become tools, and under which names')

/** A path, or an http or https URL. Relative paths start at the folder of the file that holds them. */
export const location = z.string().min(1)
