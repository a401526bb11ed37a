import { z } from 'zod'

export const sqlSpec = z
  .strictObject({
    url: z
      .string()
      .min(1)
      .describe('postgres://, mysql:// or mariadb:// URL, or sqlite:PATH; best as a reference'),
    access: z.enum(['read', 'write']).default('read'),
  })
  .describe('A database')

export type SqlSpec = z.infer<typeof sqlSpec>
