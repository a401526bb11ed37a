/**
 * Desired state: what people want the gateway to be. Declared in `sallyport.yaml` or stored through
 * the administration; both use this one schema, and `snapshot/compile.ts` turns it into a Snapshot.
 * Secrets appear only as references (`${ENV}`, `file:`).
 */
import { z } from 'zod'
import { credentialSpec, headerName, headersOf, secret } from './credential.ts'
import { egressSpec, gatewayEgressSpec } from './egress.ts'
import { knownExtensions } from './extensions.ts'
import { type ApiKind, apiKinds, apiSpecs } from './kinds/all.ts'
import { address } from './kinds/selection.ts'
import { isProtocolMethod } from './methods.ts'

export const serverNamePattern = /^[a-z][a-z0-9-]{0,23}$/
export const wordPattern = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/

const durationPattern = /^(\d+)(ms|s|m|h|d)$/
const durationUnits: Record<string, number> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** Milliseconds of a duration such as `500ms`, `30s`, `10m`, `2h` or `30d`; undefined if it is none. */
export function durationMs(text: string): number | undefined {
  const match = durationPattern.exec(text)
  const unit = match?.[2] === undefined ? undefined : durationUnits[match[2]]
  return unit === undefined ? undefined : Number(match?.[1]) * unit
}

const sizePattern = /^(\d+)(KB|MB|GB)?$/i
const sizeUnits: Record<string, number> = { KB: 1_000, MB: 1_000_000, GB: 1_000_000_000 }

/** Bytes of a size such as `500`, `4MB` or `100KB`; undefined if it is none. */
export function sizeBytes(text: string): number | undefined {
  const match = sizePattern.exec(text)
  if (match === null) return undefined
  const unit = match[2] === undefined ? 1 : sizeUnits[match[2].toUpperCase()]
  return unit === undefined ? undefined : Number(match[1]) * unit
}

const duration = z
  .string()
  .regex(durationPattern, 'a duration such as 500ms, 30s, 10m, 2h or 30d')
  .describe('A duration such as 500ms, 30s, 10m, 2h or 30d')
const size = z
  .union([z.string().regex(sizePattern, 'a size such as 4MB'), z.number().int().positive()])
  .describe('A size such as 500, 100KB or 4MB')
/** Names of roles, keys, users, teams and environments. */
export const word = z
  .string()
  .regex(wordPattern, 'letters, digits and . _ @ -, at most 64, starting with a letter or digit')
/** Names of servers and toolsets. */
export const serverName = z
  .string()
  .regex(serverNamePattern, 'a lower-case letter, then at most 23 of a-z, 0-9 and -')

export const stdioSpec = z
  .strictObject({
    command: z.string().min(1).describe('The program; found on PATH; never run through a shell'),
    args: z.array(z.string()).default([]),
    env: z
      .record(z.string(), secret)
      .default({})
      .describe('Variables for the process; nothing else is inherited but a short allow-list'),
    inherit: z
      .array(z.string())
      .default([])
      .describe('Names of further variables to pass on from the gateway'),
    cwd: z.string().optional(),
    process: z.enum(['shared', 'per-principal']).default('shared'),
    start: z.enum(['lazy', 'eager']).default('lazy'),
    idleStop: duration.default('15m').describe('Stop a process that nobody used for so long'),
  })
  .describe('A server that runs as a child process and speaks MCP over stdin and stdout')

export const httpSpec = z
  .strictObject({
    url: address('http', 'https').describe('The MCP endpoint of the server'),
    headers: z.record(headerName, secret).default({}),
    transport: z
      .enum(['auto', 'streamable', 'sse'])
      .default('auto')
      .describe('sse: the HTTP+SSE pair of revision 2024-11-05'),
    session: z
      .enum(['principal', 'shared'])
      .default('principal')
      .describe('Who shares a legacy session'),
  })
  .describe('A remote MCP server')

export type ServerKind = 'stdio' | 'http' | ApiKind
/** Every kind of server that there can be: exactly one stands in an entry. */
export const serverKinds: readonly ServerKind[] = ['stdio', 'http', ...apiKinds]

/** The kind of a checked entry. */
export function kindOf(spec: Partial<Record<ServerKind, unknown>>): ServerKind {
  return serverKinds.find((kind) => spec[kind] !== undefined) ?? 'stdio'
}

const extensionSpec = z.union([
  z.string().regex(/^[a-z0-9.-]+\/[A-Za-z0-9._-]+$/, 'an identifier such as com.example/pages'),
  z.strictObject({
    id: z.string().regex(/^[a-z0-9.-]+\/[A-Za-z0-9._-]+$/, 'such as com.example/pages'),
    methods: z
      .array(
        z
          .string()
          .regex(/^[A-Za-z0-9_./-]{1,128}$/, 'a method such as pages/turn')
          .refine((method) => !isProtocolMethod(method), 'a method of the protocol itself'),
      )
      .max(64)
      .describe(
        'Methods that it adds; relayed on the endpoint of the server, judged as server/method',
      ),
  }),
])

const argumentValues = z
  .record(z.string().min(1), z.json())
  .refine((values) => !/\$\{|"file:/.test(JSON.stringify(values)), {
    message: 'values, and no references: what is secret belongs under credential',
  })
  .default({})

export const serverSpec = z
  .strictObject({
    title: z.string().optional(),
    description: z.string().optional(),
    stdio: stdioSpec.optional(),
    http: httpSpec.optional(),
    ...apiSpecs.partial().shape,
    egress: egressSpec.prefault({}),
    credential: credentialSpec.optional(),
    defaults: argumentValues.describe(
      'Values of arguments by their names in tools: shown, and used where a caller gives none',
    ),
    fixed: argumentValues.describe(
      'Values of arguments by their names in tools: sent with every call, and shown to nobody',
    ),
    era: z.enum(['auto', 'legacy', 'modern']).default('auto'),
    timeout: duration.default('60s').describe('How long one call may take'),
    startTimeout: duration
      .optional()
      .describe(
        'How long an MCP server may take to start and to say who it is; default: 5m for a program, 30s for a URL',
      ),
    schemas: z
      .enum(['compact', 'full'])
      .default('compact')
      .describe(
        'How tools of an API show large schemas: compact: summarised; full: as the description has them',
      ),
    refresh: duration
      .default('5m')
      .describe('How often a description behind a URL, or an introspection, is looked at again'),
    concurrency: z
      .number()
      .int()
      .min(1)
      .max(10_000)
      .default(64)
      .describe('Calls at the same time; more are refused'),
    offline: z
      .enum(['keep', 'hide'])
      .default('keep')
      .describe('What lists show while the server is down'),
    extensions: z
      .array(extensionSpec)
      .default([...knownExtensions])
      .describe('MCP extensions that are relayed between this server and its callers'),
    apps: z
      .enum(['own', 'joined'])
      .default('own')
      .describe(
        'Where MCP Apps of the server show: own: on its own endpoint, where hosts can isolate them; joined: also on /mcp and toolsets',
      ),
    enabled: z.boolean().default(true),
  })
  .superRefine((server, context) => {
    const kinds = serverKinds.filter((kind) => server[kind] !== undefined)
    if (kinds.length !== 1)
      context.addIssue({
        code: 'custom',
        message: `a server has exactly one kind: ${serverKinds.slice(0, -1).join(', ')} or ${serverKinds.at(-1)}`,
      })
    const { credential } = server
    const ways =
      credential !== undefined && 'schemes' in credential
        ? Object.values(credential.schemes)
        : [credential ?? {}]
    if (server.openapi === undefined && ways.some((way) => 'awsSigV4' in way))
      context.addIssue({
        code: 'custom',
        path: ['credential', 'awsSigV4'],
        message: 'only requests of kind openapi are signed',
      })
    for (const member of ['defaults', 'fixed'] as const)
      if (
        (server.http !== undefined || server.stdio !== undefined) &&
        Object.keys(server[member]).length > 0
      )
        context.addIssue({
          code: 'custom',
          path: [member],
          message: 'is for APIs: the tools of an MCP server are its own',
        })
    if (
      (server.http !== undefined || server.stdio !== undefined) &&
      credential !== undefined &&
      headersOf(credential) === undefined &&
      !(server.http !== undefined && Object.keys(credential).every((key) => key === 'tls'))
    )
      context.addIssue({
        code: 'custom',
        path: ['credential'],
        message:
          'an MCP server takes bearer, header and value, basic or cookie; a URL takes tls, too',
      })
    if (server.stdio !== undefined && credential?.tls !== undefined)
      context.addIssue({
        code: 'custom',
        path: ['credential', 'tls'],
        message: 'is for URLs; a program makes its connections itself',
      })
  })

/** Identifiers of the extensions that a server's entry allows. */
export function allowedExtensions(spec: Pick<ServerSpec, 'extensions'>): ReadonlySet<string> {
  return new Set(spec.extensions.map((entry) => (typeof entry === 'string' ? entry : entry.id)))
}

const pattern = z
  .string()
  .regex(
    /^(?:(?:tool|prompt|resource):)?[a-z0-9*-]+\/.+$/,
    'server/tool, e.g. crm/*, */read_*, prompt:crm/*, resource:docs/file:///*',
  )
  .describe(
    'server/name with * for any run of characters; tool:, prompt: or resource: in front narrows it to one kind',
  )

export const roleSpec = z.strictObject({
  description: z.string().optional(),
  allow: z.array(pattern).default([]),
  deny: z.array(pattern).default([]),
})

export const accessSpec = z
  .strictObject({
    key: word.optional(),
    user: word.optional(),
    team: word.optional(),
    roles: z.array(word).min(1),
    environments: z
      .array(word)
      .optional()
      .describe('Only in these environments; everywhere when absent'),
  })
  .refine(
    (entry) =>
      entry.key !== undefined ||
      entry.user !== undefined ||
      entry.team !== undefined ||
      entry.environments !== undefined,
    {
      message: 'say who: key, user, team or environments',
    },
  )

export const limitSpec = z.strictObject({
  per: z.enum(['key', 'user']).default('key'),
  tool: pattern.optional().describe('Only calls of these; all when absent'),
  calls: z
    .string()
    .regex(/^\d+\/(second|minute|hour)$/, 'a rate such as 60/minute')
    .optional(),
  concurrent: z.number().int().min(1).optional(),
})

export const toolsetSpec = z.strictObject({
  description: z.string().optional(),
  include: z.array(pattern).min(1),
  exclude: z.array(pattern).default([]),
})

const listenSpec = z.strictObject({
  host: z.string().min(1).default('127.0.0.1'),
  port: z.number().int().min(0).max(65_535).default(8470),
  origins: z
    .array(z.string())
    .default([])
    .describe('Web origins that may call, e.g. https://app.example.com'),
  hosts: z
    .array(z.string())
    .default([])
    .describe('Further Host names under which this gateway is reached'),
  advertise: z
    .string()
    .regex(
      /^https?:\/\/[^\s/?#@]+$/,
      'must be http:// or https:// with host and port, without a path',
    )
    .optional()
    .describe(
      'Where other nodes reach this one, e.g. http://10.0.0.2:8470; default: the address that it listens on',
    ),
  bodyMax: size.default('4MB'),
  headerMax: size.default('32KB'),
  bodyTimeout: duration.default('30s'),
  connections: z.number().int().min(1).default(20_000),
  memoryMax: size
    .default('512MB')
    .describe(
      'What may be kept for callers in all: messages, sessions, streams, open questions; half of it for one address, a quarter for one key',
    ),
  drain: duration.default('20s').describe('How long a stop waits for running calls'),
})

/** More parked calls than any node may be told to hold. */
export const parkedCallsMax = 100_000

const parkingSpec = z
  .strictObject({
    calls: z.number().int().min(1).max(parkedCallsMax).default(2_000).describe('On one node'),
    perPrincipal: z.number().int().min(1).max(parkedCallsMax).default(64),
    timeout: duration
      .default('5m')
      .describe('How long an answer may take; after it the question is refused to the server'),
  })
  .describe('Open calls at legacy servers that wait until a modern client answers a question')

const auditSpec = z.strictObject({
  mode: z
    .enum(['required', 'best-effort'])
    .default('required')
    .describe('required: a call or a change that cannot be recorded is refused'),
  segmentMax: size.default('64MB'),
  retention: duration.default('90d'),
})

/** The whole declared file. */
export const desiredState = z
  .strictObject({
    listen: listenSpec.prefault({}),
    environment: word.default('default'),
    egress: gatewayEgressSpec.prefault({}),
    servers: z.record(serverName, serverSpec).default({}),
    toolsets: z.record(serverName, toolsetSpec).default({}),
    roles: z.record(word, roleSpec).default({}),
    access: z.array(accessSpec).default([]),
    limits: z.array(limitSpec).default([]),
    audit: auditSpec.prefault({}),
    parking: parkingSpec.prefault({}),
  })
  .describe('sallyport.yaml')

export type DesiredState = z.infer<typeof desiredState>
/** The file as people write it, before defaults. */
export type DesiredStateInput = z.input<typeof desiredState>
export type ServerSpec = z.infer<typeof serverSpec>
export type ServerSpecInput = z.input<typeof serverSpec>
export type StdioSpec = z.infer<typeof stdioSpec>
export type HttpSpec = z.infer<typeof httpSpec>
export type RoleSpec = z.infer<typeof roleSpec>
export type AccessSpec = z.infer<typeof accessSpec>
export type LimitSpec = z.infer<typeof limitSpec>

/** A stored API key. The key itself is never kept: `hash` is sha256 of it, hex. */
export interface KeyRow {
  readonly name: string
  readonly hash: string
  /** The first characters, to recognise a key by. */
  readonly hint: string
  readonly roles: readonly string[]
  readonly user: string | undefined
  readonly teams: readonly string[]
  readonly environment: string | undefined
  /** Epoch milliseconds. */
  readonly createdAt: number
  readonly expiresAt: number | undefined
  readonly revokedAt: number | undefined
}

/** What the administration wrote, beside the declared file. */
export interface StoredState {
  readonly servers: Readonly<Record<string, ServerSpecInput>>
  readonly toolsets: Readonly<Record<string, z.input<typeof toolsetSpec>>>
  readonly roles: Readonly<Record<string, z.input<typeof roleSpec>>>
  readonly access: readonly z.input<typeof accessSpec>[]
  readonly limits: readonly z.input<typeof limitSpec>[]
  readonly keys: readonly KeyRow[]
  /** Grows by one with every write. */
  readonly version: number
}

/** What became of a configuration that was to be used. */
export interface InForce {
  /** False: the running one stays. */
  readonly inForce: boolean
  /** Why it is not, or what of it was left out. */
  readonly issues: readonly Issue[]
}

/** One thing that is wrong with a configuration, and where. */
export interface Issue {
  /** Dotted path, e.g. `servers.github.http.url`. */
  readonly path: string
  readonly message: string
  readonly file: string | undefined
  /** One-based; undefined when it is not known. */
  readonly line: number | undefined
  readonly column: number | undefined
}
