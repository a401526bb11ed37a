import { z } from 'zod'
import { serverKinds, serverName, serverSpec } from '../../model/desired-state.ts'
import { conversionAccount } from './convert.ts'
import { done, nothing, route } from './route.ts'

export const origin = z
  .enum(['declared', 'stored'])
  .describe('declared: in sallyport.yaml, read-only here; stored: written by the administration')

const leftOut = z
  .array(z.object({ name: z.string(), reason: z.string() }))
  .describe('Tools that are not offered, and why')

const serverView = z.object({
  name: z.string(),
  kind: z.enum(serverKinds),
  origin,
  address: z.string().describe('Command line or URL, without secrets'),
  description: z.string().optional(),
  state: z.enum(['up', 'down', 'unseen', 'off']).describe('unseen: not asked yet'),
  era: z.string().optional(),
  revision: z.string().optional(),
  tools: z.number(),
  stale: z.boolean().describe('The lists are the last known ones'),
  downSince: z.number().optional().describe('Epoch milliseconds'),
  fault: z.string().optional(),
  leftOut,
})

const tried = z.discriminatedUnion('ok', [
  z.object({
    ok: z.literal(true),
    era: z.string(),
    revision: z.string(),
    tools: z.array(z.string()),
    leftOut,
    schemas: z
      .array(
        z.object({
          tool: z.string(),
          fault: z.string().optional().describe('Why its calls are refused'),
          skipped: z.array(z.object({ place: z.string(), reason: z.string() })),
        }),
      )
      .describe('Tools whose arguments cannot be checked, or not in full'),
    conversion: conversionAccount.optional().describe('Of servers that are APIs'),
  }),
  z.object({
    ok: z.literal(false),
    reason: z.enum([
      'not-mcp',
      'unreachable',
      'command-missing',
      'exited',
      'timeout',
      'silent',
      'login',
      'role',
      'unauthorized',
      'reference',
      'protocol',
      'description',
      'egress',
      'not-yet',
      'source',
    ]),
    message: z.string(),
    wayOut: z.string(),
  }),
])

const visibility = z.object({
  keys: z
    .array(z.object({ name: z.string(), rule: z.string() }))
    .describe('Valid keys that may use something at the server, and the first rule that says so'),
  grant: z.array(z.string()).describe('Commands that let a key see it'),
})

const toolView = z.object({
  server: z.string(),
  name: z.string(),
  title: z.string().optional(),
  description: z.string().optional(),
  inputSchema: z.unknown().optional(),
})

export const listServers = route({
  id: 'listServers',
  method: 'GET',
  path: '/api/servers',
  summary: 'All servers with their state',
  input: nothing,
  answer: z.object({ servers: z.array(serverView) }),
})

export const addServer = route({
  id: 'addServer',
  method: 'POST',
  path: '/api/servers',
  summary: 'Register a server. Plain secrets move to owner-only files',
  input: z.object({
    name: serverName,
    spec: serverSpec,
    dryRun: z.boolean().default(false).describe('Store nothing'),
    probe: z.boolean().default(true).describe('Connect once before'),
    replace: z.boolean().default(false).describe('Overwrite a stored server of that name'),
  }),
  answer: z.object({
    name: z.string(),
    stored: z.boolean(),
    tried: tried.optional(),
    visibility,
    secrets: z
      .array(z.object({ path: z.string(), reference: z.string() }))
      .describe('Plain values that were moved, and what stands in their place'),
    warnings: z.array(z.string()),
  }),
})

export const removeServer = route({
  id: 'removeServer',
  method: 'DELETE',
  path: '/api/servers/{name}',
  summary: 'Remove a stored server',
  input: z.object({ name: z.string() }),
  answer: done,
})

export const listTools = route({
  id: 'listTools',
  method: 'GET',
  path: '/api/tools',
  summary: 'All tools, or those of one server',
  input: z.object({ server: z.string().optional() }),
  answer: z.object({ tools: z.array(toolView) }),
})

export const callTool = route({
  id: 'callTool',
  method: 'POST',
  path: '/api/call',
  summary: 'Call a tool, under policy and record',
  input: z.object({
    key: z
      .string()
      .optional()
      .describe('Whose call it is; without one it is the call of the owner'),
    server: z.string(),
    tool: z.string(),
    argumentsJson: z.string().describe('JSON text of the arguments; reaches the server as it is'),
  }),
  answer: z.object({
    kind: z.enum(['complete', 'input_required', 'error']),
    json: z.string().describe('JSON text of the result or error, as the server sent it'),
  }),
})

export const diagnose = route({
  id: 'diagnose',
  method: 'POST',
  path: '/api/doctor',
  summary: 'Reach every server and say what is wrong',
  input: z.object({ server: z.string().optional() }),
  answer: z.object({
    servers: z.array(z.object({ name: z.string(), ms: z.number(), tried })),
    findings: z.array(
      z.object({ level: z.enum(['fault', 'warning']), message: z.string(), wayOut: z.string() }),
    ),
  }),
})

export type ServerView = z.output<typeof serverView>
export type TriedView = z.output<typeof tried>
export type VisibilityView = z.output<typeof visibility>
