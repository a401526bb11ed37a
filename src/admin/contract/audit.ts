import { z } from 'zod'
import { serverNamePattern } from '../../model/desired-state.ts'
import { entryKinds, outcomeStatuses } from '../../model/record.ts'
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

/** Of outcomes, and `refused` for what has none. */
const statuses = [...outcomeStatuses, 'refused'] as const

/** Some of these words, separated by commas. */
function words(known: readonly string[]) {
  return z.string().superRefine((text, context) => {
    for (const word of text.split(','))
      if (!known.includes(word))
        context.addIssue({ code: 'custom', message: `"${word}" is none of ${known.join(', ')}` })
  })
}

/** Which entries are wanted; all that is given must hold. */
export const auditFilter = {
  principal: z
    .string()
    .regex(/^(?:key:.+|local|owner|file|[0-9a-f]{32})$/, 'key:NAME, owner, local, file, or an id')
    .optional()
    .describe('Who, as the journal says it: key:NAME, owner, local, file, or the principalId'),
  server: z
    .string()
    .regex(serverNamePattern, 'is no name of a server')
    .optional()
    .describe('Calls of this server, and changes of its entry'),
  tool: z.string().min(1).optional().describe('Calls of the tool that its server calls so'),
  kind: words(entryKinds).optional().describe('Kinds of entries, separated by commas'),
  status: words(statuses)
    .optional()
    .describe('Calls and changes that ended so, with their outcomes; refused: refusals'),
}

export const readAudit = route({
  id: 'readAudit',
  method: 'GET',
  path: '/api/audit/entries',
  summary: 'Entries of the journal as JSON lines',
  input: z.object({
    since: z.coerce.number().optional().describe('Epoch milliseconds'),
    until: z.coerce.number().optional().describe('Epoch milliseconds'),
    ...auditFilter,
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
