import { z } from 'zod'
import { headerName, secret } from '../credential.ts'

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

/** The operator's word on which files a description may point at. */
export const rootSpec = location
  .optional()
  .describe(
    'Folder of the files that the description may point at; default: its own folder. Files outside are refused',
  )

/** Headers that go with every call. */
export const headersSpec = z.record(headerName, secret).default({})

/** URL of a service with one of the schemes; one with references is checked once they are replaced. */
export function address(...schemes: readonly string[]) {
  return z
    .string()
    .refine(
      (text) =>
        text.includes('$' + '{') ||
        text.startsWith('file:') ||
        schemes.some((scheme) => URL.parse(text)?.protocol === `${scheme}:`),
      { message: `must be a URL with ${schemes.join(', ')}` },
    )
}
