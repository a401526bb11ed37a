/**
 * A stand-in for the gateway behind the command line: the real routes, compiler and policy over a store that
 * lives in memory and servers that are only described. No database, socket or process is involved.
 */

import { createHash } from 'node:crypto'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAdmin, createConversionAdmin } from '../../src/admin/create.ts'
import { inProcessAdmin } from '../../src/admin/in-process.ts'
import type { AdminPorts, JournalLine, Tried } from '../../src/admin/ports.ts'
import { emptyListing, type Listing } from '../../src/catalog/catalog.ts'
import type { CliPorts, StdioOptions, UpOptions } from '../../src/cli/ports.ts'
import { runCli } from '../../src/cli/program.ts'
import type { Actor } from '../../src/model/change.ts'
import { desiredState, type Issue, type KeyRow } from '../../src/model/desired-state.ts'
import { declaredIn } from '../../src/model/facts.ts'
import { GatewayError } from '../../src/model/refusal.ts'
import { compilePolicy } from '../../src/policy/compile.ts'
import { explain } from '../../src/policy/explain.ts'
import { convertServer, detachedHost, detectSource } from '../../src/registry/conversions.ts'
import { compileSnapshot, type Snapshot } from '../../src/snapshot/compile.ts'
import type { Store, StoredKind, StoredRow } from '../../src/store/store.ts'
import { check } from '../../src/store/stored-kinds.ts'
import { storedToDesired } from '../../src/store/stored-to-desired.ts'

export const now = Date.UTC(2026, 10, 23, 12)

/** A store in memory with the checks of the real one. */
export function memoryStore(): Store {
  const rows: Record<StoredKind, Map<string, StoredRow>> = {
    server: new Map(),
    toolset: new Map(),
    role: new Map(),
    access: new Map(),
    limit: new Map(),
  }
  const keys: KeyRow[] = []
  let version = 0
  const named = (kind: StoredKind) =>
    Object.fromEntries([...rows[kind].values()].map(({ name, value }) => [name, value]))
  const isValid = (row: KeyRow, name: string, at: number) =>
    row.name === name && row.revokedAt === undefined && (row.expiresAt ?? at + 1) > at
  return {
    fault: () => undefined,
    load: async () =>
      JSON.parse(
        JSON.stringify({
          servers: named('server'),
          toolsets: named('toolset'),
          roles: named('role'),
          access: Object.values(named('access')),
          limits: Object.values(named('limit')),
          keys,
          version,
        }),
      ),
    list: async (kind) => [...rows[kind].values()],
    put: async (kind, given, value) => {
      const { name, spec } = check(kind, given, value)
      rows[kind].set(name, { name, value: JSON.parse(spec), updatedAt: now })
      return ++version
    },
    remove: async (kind, name) => rows[kind].delete(name),
    putKey: async (row) => {
      keys.push(row)
      return ++version
    },
    revokeKey: async (name, at) => {
      const index = keys.findIndex((row) => isValid(row, name, at))
      const row = keys[index]
      if (row === undefined) return false
      keys[index] = { ...row, revokedAt: at }
      return true
    },
    watch: () => () => undefined,
    beat: async () => ({ accepted: true, nodes: [] }),
    leave: async () => undefined,
    watchNodes: () => () => undefined,
    revokeHash: async () => undefined,
    anchor: async () => undefined,
    putAnchor: async () => undefined,
    index: async () => undefined,
    indexedUpTo: async () => 0,
    records: async () => [],
    dropRecordsBefore: async () => 0,
    close: async () => undefined,
  }
}

export const owner: Actor = { label: 'owner', id: 'owner', via: 'command', uid: 1 }

export const declaredFile = '/etc/sallyport/sallyport.yaml'

const declaredState = desiredState.parse({
  servers: {
    files: { stdio: { command: 'npx', args: ['files', '--token', 'hidden'] } },
    web: { http: { url: 'https://u:p@web.example/mcp?key=hidden' } },
  },
  roles: { reader: { allow: ['files/read_*'] } },
  access: [{ team: 'support', roles: ['reader'] }],
  limits: [{ calls: '60/minute' }],
  toolsets: { reading: { include: ['files/read_*'] } },
})

function listing(server: string, tools: readonly string[], more: Partial<Listing> = {}): Listing {
  const items = tools.map((name) => {
    const raw = JSON.stringify({
      name,
      description: `${name} of ${server}. More.`,
      inputSchema: {},
    })
    const digest = createHash('sha256').update(raw).digest('hex')
    const inputSchema = '{}'
    return {
      kind: 'tool' as const,
      server,
      name,
      raw,
      digest,
      inputSchema,
      wrapsOutput: false,
      headerParams: [],
    }
  })
  const facts = {
    era: 'legacy' as const,
    revision: '2025-11-25' as const,
    declared: declaredIn('{}'),
    serverInfo: '{}',
    instructions: undefined,
  }
  const base = emptyListing(server)
  return { ...base, facts, listedAt: now, items: { ...base.items, tool: items }, ...more }
}

const listings = [
  listing('files', ['read_file', 'write_file']),
  listing('web', ['fetch'], {
    downSince: now,
    fault: 'it does not answer',
    left: [{ kind: 'tool', name: 'b\u001b[31mad', reason: 'its schema is broken' }],
  }),
]

const reachable: Tried = {
  ok: true,
  era: 'modern',
  revision: '2026-07-28',
  tools: ['ping'],
  leftOut: [],
  schemas: [],
}

/** What trying a server gives, told by a word in its command or URL. */
function tried(spec: unknown): Tried {
  const text = JSON.stringify(spec)
  const fault = (reason: Extract<Tried, { ok: false }>['reason'], message: string): Tried => ({
    ok: false,
    reason,
    message,
  })
  if (text.includes('web-page')) return fault('not-mcp', 'It answers, but not as an MCP server.')
  if (text.includes('missing')) return fault('command-missing', 'There is no program "missing".')
  if (text.includes('web.example')) return fault('unreachable', 'It does not answer.')
  return reachable
}

export interface StandIn {
  readonly dir: string
  readonly dataDir: string
  readonly ports: AdminPorts
  /** Runs one command line. */
  cli(
    line: string | readonly string[],
    more?: Partial<CliPorts>,
  ): Promise<{ code: number; stdout: string; stderr: string }>
  readonly started: (UpOptions | StdioOptions)[]
  readonly journal: JournalLine[]
}

const never = new AbortController().signal
const flushed = async (): Promise<void> => undefined

export async function standIn(): Promise<StandIn> {
  const dir = await mkdtemp(join(tmpdir(), 'cli-'))
  const dataDir = join(dir, '.sallyport')
  const store = memoryStore()
  const journal: JournalLine[] = []
  const started: (UpOptions | StdioOptions)[] = []
  const ports = await adminPorts(dataDir, store, journal)
  const cli: StandIn['cli'] = async (line, more = {}) => {
    let stdout = ''
    let stderr = ''
    const code = await runCli(typeof line === 'string' ? line.split(' ') : line, {
      stdout: { write: (text) => (stdout += text), isTTY: false, flushed },
      stderr: { write: (text) => (stderr += text), isTTY: false, flushed },
      stdin: async () => '{"from":"stdin"}',
      env: { HOME: '/home/ann' },
      cwd: dir,
      version: '9.9.9',
      program: { command: '/node', args: ['/sallyport.mjs'] },
      now: () => now,
      signal: new AbortController().signal,
      up: async (options) => started.push(options) - started.length,
      stdio: async (options) => started.push(options) - started.length,
      offline: async () => inProcessAdmin(createAdmin(ports, owner), never, async () => undefined),
      conversions: async () =>
        inProcessAdmin(createConversionAdmin(ports, owner), never, async () => undefined),
      checkConfig: async ({ config }) => ({
        file: config,
        warnings: [],
        issues: config?.includes('bad')
          ? [{ path: 'servers.x', message: 'must be a mapping', file: config, line: 3, column: 5 }]
          : [],
      }),
      ...more,
    })
    return { code, stdout, stderr }
  }
  return { dir, dataDir, ports, cli, started, journal }
}

async function adminPorts(
  dataDir: string,
  store: Store,
  journal: JournalLine[],
): Promise<AdminPorts> {
  let issues: readonly Issue[] = []
  let snapshot: Snapshot | undefined
  const apply = async () => {
    const stored = await store.load()
    const merged = storedToDesired(declaredState, stored)
    const compiled = compileSnapshot({
      state: merged.state,
      keys: stored.keys,
      listings,
      local: undefined,
      previous: snapshot,
    })
    issues = compiled.ok ? merged.issues : [...merged.issues, ...compiled.issues]
    if (compiled.ok) snapshot = compiled.snapshot
    return { inForce: compiled.ok, issues }
  }
  await apply()
  const current = (): Snapshot => {
    if (snapshot === undefined) throw new Error('the stand-in does not compile')
    return snapshot
  }
  const host = detachedHost({ environment: {}, proxy: 'none', baseFolder: dataDir })
  return {
    version: '9.9.9',
    dataDir,
    store,
    now: () => now,
    snapshot: current,
    declared: () => ({ file: declaredFile, state: declaredState }),
    issues: () => issues,
    apply,
    listed: async () => undefined,
    underRecord: (_actor, _changes, make) => make(),
    tryServer: async (_name, spec) => tried(spec),
    // No network: every URL is that of an MCP server.
    detect: async (request) =>
      detectSource(host, /^https?:/.test(request.source) ? { kind: 'http', ...request } : request),
    convert: (spec) => convertServer(host, spec),
    call: async ({ key, tool, argumentsJson }) => {
      if (key === 'sp_wrong') throw new GatewayError('key_invalid')
      if (tool === 'ask') return { kind: 'input_required', json: '{}' }
      if (tool === 'fail')
        return { kind: 'error', json: '{"code":-32602,"message":"Unknown tool."}' }
      const isError = tool === 'broken' ? ',"isError":true' : ''
      const text = JSON.stringify(`${tool} got ${argumentsJson}`)
      return { kind: 'complete', json: `{"content":[{"type":"text","text":${text}}]${isError}}` }
    },
    explain: async ({ principal, kind, server, name }) => {
      const { state, identities } = current()
      const found = identities.principals().find(({ label }) => label === principal)
      const compiled = compilePolicy(state)
      if (found === undefined || 'issues' in compiled) return undefined
      return explain(compiled.policy, found, { kind, server, name })
    },
    audit: {
      heldFault: () => undefined,
      heads: async () => new Map(journal.map(({ writer, sequence }) => [writer, sequence])),
      async *read(from) {
        for (const line of journal) if (line.sequence >= from(line.writer)) yield line
      },
      verify: async () => {
        const faults = journal
          .filter(({ entry }) => entry.kind === 'forged')
          .map(({ writer }) => ({ writer, segment: 1, line: 2, what: 'the seal does not match' }))
        const one = { writer: 'w1', state: 'open', repaired: false, groups: 1, segments: 1 }
        const writers = [{ ...one, entries: journal.length, head: 'abc' }]
        return { ok: faults.length === 0, writers, faults }
      },
      state: () => ({ journal: 'ok', details: [] }),
    },
    validKey: () => undefined,
    isRevokedHere: () => false,
    revokeHere: async () => ({ known: false, fault: undefined }),
    notKept: () => [],
    rotateSecrets: async () => ({ current: 'newK', kept: ['oldK'] }),
    gateway: { endpoint: () => 'http://127.0.0.1:8470/mcp', insecureLocal: undefined },
    log: () => undefined,
  }
}
