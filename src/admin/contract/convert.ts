/** Descriptions of APIs: what a source is, and which tools it becomes. Nothing of this is stored. */
import { z } from 'zod'
import { credentialSpec } from '../../model/credential.ts'
import { serverKinds, serverSpec } from '../../model/desired-state.ts'
import { egressSpec } from '../../model/egress.ts'
import { apiKinds } from '../../model/kinds/all.ts'
import { selectionSpec } from '../../model/kinds/selection.ts'
import { route } from './route.ts'

const report = z.object({
  operation: z.string(),
  code: z.string().describe('Of the closed list in docs/guides/convert.md'),
  reason: z.string(),
  place: z.string().describe('Location and JSON pointer, line, or element name'),
})

const target = z.object({
  url: z.string(),
  fault: z.string().optional().describe('Why calls cannot go there'),
  wayOut: z.string().optional(),
})

/** An account of a conversion, without the tools. */
export const conversionAccount = z.object({
  title: z.string(),
  version: z.string(),
  operations: z.number().describe('How many the description has'),
  converted: z.number().describe('How many became tools'),
  skipped: z.array(report),
  notes: z.array(report).describe('Converted, but with a loss'),
  targets: z.array(target).describe('Where calls go, as far as the description says'),
})

export const detectSource = route({
  id: 'detectSource',
  method: 'POST',
  path: '/api/detect',
  summary: 'Tell what a source is, and make the entry of a server of it',
  input: z.object({
    source: z.string().min(1).describe('Absolute path, URL, or address'),
    kind: z.enum(serverKinds).exclude(['stdio']).optional().describe('Detected when absent'),
    baseUrl: z.string().optional().describe('Where calls go'),
    root: z.string().optional().describe('Folder of the files that it may point at'),
    headers: z.record(z.string(), z.string()).default({}),
    credential: credentialSpec.optional(),
    egress: egressSpec.optional(),
    operations: selectionSpec.optional(),
  }),
  answer: z.object({
    kind: z.enum(serverKinds),
    what: z.string().describe('E.g. an OpenAPI description'),
    spec: z.record(z.string(), z.unknown()).describe('The entry of the server'),
  }),
})

export const convertServer = route({
  id: 'convertServer',
  method: 'POST',
  path: '/api/convert',
  summary: 'Convert a description to tools, and tell what could not be converted',
  input: z.object({ spec: serverSpec }),
  answer: conversionAccount.extend({
    kind: z.enum(serverKinds).extract([...apiKinds]),
    root: z
      .string()
      .optional()
      .describe('The folder that its references lead to, when the entry has none'),
    tools: z.array(
      z.object({
        name: z.string(),
        title: z.string().optional(),
        description: z.string().optional(),
        inputSchema: z.record(z.string(), z.unknown()),
        outputSchema: z.record(z.string(), z.unknown()).optional(),
        annotations: z
          .object({
            title: z.string().optional(),
            readOnlyHint: z.boolean().optional(),
            destructiveHint: z.boolean().optional(),
            idempotentHint: z.boolean().optional(),
            openWorldHint: z.boolean().optional(),
          })
          .optional(),
        operation: z.string(),
      }),
    ),
  }),
})

export type DetectRequest = z.output<typeof detectSource.input>
export type DetectInput = z.input<typeof detectSource.input>
export type DetectedSource = z.output<typeof detectSource.answer>
export type ConversionAccount = z.output<typeof conversionAccount>
export type ConversionView = z.output<typeof convertServer.answer>
