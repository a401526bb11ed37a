import { z } from 'zod'
import { nothing, route } from './route.ts'

const auditLine = z.object({
  writer: z.string(),
  sequence: z.number(),
  entry: z.looseObject({ kind: z.string(), at: z.number() }),
})

const verified = z.object({
  ok: z.boolean(),
  writers: z.array(
    z.object({
      writer: z.string(),
      state: z.string(),
      repaired: z.boolean(),
      entries: z.number(),
      groups: z.number(),
      segments: z.number(),
      head: z.string(),
    }),
  ),
  faults: z.array(
    z.object({
      writer: z.string(),
      segment: z.number(),
      line: z.number().optional(),
      what: z.string(),
    }),
  ),
})

export const readAudit = route({
  id: 'readAudit',
  method: 'GET',
  path: '/api/audit/entries',
  summary: 'Entries of the journal as JSON lines',
  input: z.object({
    since: z.coerce.number().optional().describe('Epoch milliseconds'),
    until: z.coerce.number().optional().describe('Epoch milliseconds'),
    last: z.coerce.number().int().min(0).max(100_000).optional().describe('Only the last so many'),
    follow: z.stringbool().default(false).describe('Go on with what is written later'),
  }),
  answer: auditLine,
  lines: true,
})

export const verifyAudit = route({
  id: 'verifyAudit',
  method: 'GET',
  path: '/api/audit/verify',
  summary: 'Prove that nothing in the journal was changed or removed',
  input: nothing,
  answer: verified,
})

export type AuditLine = z.output<typeof auditLine>
