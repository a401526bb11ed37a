/**
 * One way out: no file of the product opens a connection but the guard, and those that a reason excuses. Whoever
 * imports something that can dial, in whatever form, must stand here.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../', import.meta.url))

/** Modules that can dial, and what of them cannot. */
const dialling: Readonly<Record<string, readonly string[]>> = {
  'node:net': ['isIP', 'isIPv4', 'isIPv6', 'BlockList', 'SocketAddress'],
  'node:tls': ['rootCertificates', 'createSecureContext', 'checkServerIdentity'],
  'node:http': ['STATUS_CODES', 'METHODS'],
  'node:https': [],
  'node:http2': ['constants'],
  'node:dgram': [],
  'node:dns': [],
  'node:dns/promises': [],
  'node:inspector': [],
  undici: [],
  ws: [],
  pg: ['types', 'escapeIdentifier', 'escapeLiteral', 'DatabaseError'],
  'mysql2/promise': [],
  mysql2: ['TypedParameter'],
  '@grpc/grpc-js': ['status', 'Metadata'],
  'graphql-ws': [],
  '@asyncapi/parser': [],
  fastify: [],
}

/** Libraries that have no way to dial. One that stands nowhere here fails the test. */
const quiet: ReadonlySet<string> = new Set([
  '@bufbuild/protobuf',
  'ajv',
  'ajv-formats',
  'commander',
  'fast-xml-parser',
  'graphql',
  'js-yaml',
  'kysely',
  'picocolors',
  'pino',
  'protobufjs',
  're2js',
  'sax',
  'yaml',
  'zod',
])

type Excuse = { readonly reason: string; readonly through?: RegExp }
const listens = { reason: 'listens, and dials nobody' }
const ownStore = { reason: "the gateway's own database, named by who runs it" }

/** By file and module. `through` is what must stand in the file: how the guard gets into it. */
const excused: Readonly<Record<string, Readonly<Record<string, Excuse>>>> = {
  'src/egress/guard.ts': Object.fromEntries(
    ['node:dns/promises', 'node:net', 'node:tls', 'undici'].map((name) => [
      name,
      { reason: 'is the guard' },
    ]),
  ),
  'src/ingress/pass-on.ts': {
    undici: {
      reason: 'dials nodes of the same gateway, at addresses that a holder of the key ring sealed',
      through: /peers\.addressOf\(/,
    },
  },
  'src/egress/proxy.ts': {
    'node:net': { reason: 'asks what a connection of the proxy is' },
    undici: {
      reason: 'dials the proxy, with the connector that the guard gives',
      through: /buildConnector\.connector/,
    },
  },
  'src/ingress/receive.ts': { 'node:http': listens },
  'src/kit/owner.ts': { 'node:net': { reason: 'asks what a connection is' } },
  'src/admin/create.ts': {
    fastify: { reason: 'answers on the Unix socket of the administration' },
  },
  'src/admin/serve.ts': {
    'node:net': { reason: 'asks whether somebody listens on the Unix socket of the data folder' },
  },
  'src/cli/socket-client.ts': {
    'node:http': { reason: 'the Unix socket of the administration' },
    'node:net': { reason: 'the Unix socket of the administration' },
  },
  'src/cli/stdio-client.ts': {
    'node:net': { reason: 'the Unix socket between the stdio door and the gateway' },
  },
  'src/ingress/stdio-socket.ts': {
    'node:net': { reason: 'the Unix socket between the stdio door and the gateway' },
  },
  'src/store/listener.ts': { pg: ownStore },
  'src/store/connection.ts': { pg: ownStore },
  'src/store/migrate.ts': { pg: ownStore },
  'src/store/embedded-postmaster.ts': {
    'node:net': { reason: 'asks whether the embedded database listens' },
  },
  'src/store/embedded-programs.ts': {
    require: { reason: "finds the folder of the database's programs" },
  },
  'src/guard/compile.ts': { require: { reason: 'is a name in the text of a compiled schema' } },
  'src/store/embedded.ts': { 'node:net': { reason: 'finds a free port on loopback' } },
  'src/kinds/asyncapi/execute/socket.ts': {
    ws: { reason: 'gets its socket from the guard', through: /socketOptions\(/ },
  },
  'src/kinds/graphql/execute/subscribe-socket.ts': {
    ws: { reason: 'gets its socket from the guard', through: /socketOptions\(/ },
    'graphql-ws': { reason: 'gets its WebSocket', through: /socketOptions\(/ },
  },
  'src/kinds/grpc/execute/channel.ts': {
    '@grpc/grpc-js': {
      reason: 'dials the address that the guard resolved and checked',
      through: /egress\.resolve\(/,
    },
  },
  'src/kinds/sql/execute/mysql.ts': {
    mysql2: {
      reason: 'gets its socket from the guard',
      through: /egress\.connect\([\s\S]*stream: socket/,
    },
  },
  'src/kinds/sql/execute/postgres.ts': {
    pg: {
      reason: 'gets its socket from the guard',
      through: /egress\.connect\([\s\S]*stream: \(\) => socket/,
    },
  },
  'src/kinds/sql/execute/postgres-values.ts': {
    pg: { reason: 'reads values, and has no connection', through: /pg\.TypeOverrides/ },
  },
  'src/process/guardian.ts': {
    'node:net': { reason: 'wraps a file descriptor that it inherited' },
  },
}

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return entry.name === 'fixtures' ? [] : sources(path)
    return /\.[mc]?[jt]s$/.test(path) && !/\.test\.ts$/.test(path) ? [path] : []
  })
}

interface Use {
  readonly module: string
  /** Values, `*` for all. */
  readonly names: readonly string[]
}

function usesOf(text: string): Use[] {
  const code = text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
  const uses: Use[] = []
  for (const [, type, what = '', module = ''] of code.matchAll(
    /\b(?:import|export)\s+(type\s+)?((?:[\w$*]|\{[^}]*\}|,|\s)+?)\s+from\s*['"]([^'"]+)['"]/g,
  )) {
    if (type !== undefined) continue
    const braces = /\{([^}]*)\}/.exec(what)?.[1]
    const names =
      braces === undefined
        ? ['*']
        : braces
            .split(',')
            .map((name) => name.trim())
            .filter((name) => name !== '' && !name.startsWith('type '))
            .map((name) => name.split(/\s+as\s+/)[0] ?? name)
    const outside = what.replace(/\{[^}]*\}/, '').replace(/[,\s]/g, '')
    uses.push({ module, names: outside === '' ? names : ['*'] })
  }
  for (const [, module = ''] of code.matchAll(/\bimport\s+['"]([^'"]+)['"]/g))
    uses.push({ module, names: ['*'] })
  // `const { a } = await import('x')` takes what it names; any other form takes all. `typeof import` is a type.
  for (const match of code.matchAll(
    /(?:\{([^{}]*)\}\s*=\s*await\s+)?\bimport\(\s*['"]([^'"]+)['"]\s*\)(\.)?/g,
  )) {
    const before = code.slice(Math.max(0, match.index - 12), match.index)
    if (/typeof\s+$/.test(before) || (match[1] === undefined && /[:|<]\s*$/.test(before))) continue
    const names = match[1]?.split(',').map((name) => name.trim().split(':')[0]?.trim() ?? '')
    uses.push({ module: match[2] ?? '', names: names?.filter((name) => name !== '') ?? ['*'] })
  }
  return uses
}

const packageOf = (module: string): string => /^(?:@[^/]+\/[^/]+|[^/]+)/.exec(module)?.[0] ?? module

const files = sources('src')

function problemsOf(file: string, text: string): string[] {
  const problems: string[] = []
  for (const { module, names } of usesOf(text)) {
    if (module.startsWith('.')) continue
    const harmless = dialling[module] ?? dialling[packageOf(module)]
    if (harmless === undefined) {
      if (module.startsWith('node:') || quiet.has(packageOf(module))) continue
      problems.push(`${module} is neither known to dial nor known not to`)
      continue
    }
    if (names.every((name) => harmless.includes(name))) continue
    const excuse = excused[file]?.[module] ?? excused[file]?.[packageOf(module)]
    if (excuse === undefined) problems.push(`imports ${names.join(', ')} of ${module}`)
    else if (excuse.through !== undefined && !excuse.through.test(text))
      problems.push(`uses ${module}, but not through the guard (${excuse.through})`)
  }
  const code = text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
  for (const [form, name] of [
    [/(?<![.\w$#])(?:globalThis\.)?fetch\s*\((?![^)]*\)\s*(?::|\{))/, 'fetch'],
    [/\bnew\s+(?:WebSocket|EventSource|WebTransport)\b/, 'a global that dials'],
    [/\bcreateRequire\b|(?<![.\w])require\s*\(|process\.(?:binding|dlopen)/, 'require'],
  ] as const)
    if (form.test(code) && excused[file]?.[name] === undefined) problems.push(`uses ${name}`)
  return problems
}

describe('one way out', () => {
  it.each(files)('%s', (file) => {
    const text = readFileSync(join(root, file), 'utf8')
    expect(problemsOf(relative(root, join(root, file)), text)).toEqual([])
  })

  it('sees every form in which something that dials can come in', () => {
    for (const text of [
      `import { connect } from 'node:net'`,
      `import net, { isIP } from 'node:net'`,
      `import * as net from 'node:net'`,
      `import {\n  isIP,\n  connect as c,\n} from 'node:net'`,
      `export { connect } from 'node:net'`,
      `import 'undici'`,
      `const { request } = await import('undici')`,
      `const undici = await import('undici')`,
      `(await import('node:http')).get(url)`,
      `import mysql from 'mysql2/promise'`,
      `await fetch(url)`,
      `globalThis.fetch(url)`,
      `new WebSocket(url)`,
      `const net = createRequire(import.meta.url)('net')`,
      `import axios from 'axios'`,
    ])
      expect(problemsOf('src/x.ts', text), text).not.toEqual([])
    for (const text of [
      `import { isIP } from 'node:net'`,
      `import type { Socket } from 'node:net'`,
      `import { type Socket, isIP } from 'node:net'`,
      `const { STATUS_CODES } = await import('node:http')`,
      `let a: import('node:net').Socket`,
      `this.fetch(url)`,
      `private async fetch(client: Client): Promise<void> {`,
    ])
      expect(problemsOf('src/x.ts', text), text).toEqual([])
  })

  it('excuses nothing that is not there any more', () => {
    const stale = Object.entries(excused).flatMap(([file, modules]) => {
      if (!files.includes(file)) return [file]
      const uses = usesOf(readFileSync(join(root, file), 'utf8')).map(({ module }) => module)
      return Object.keys(modules)
        .filter(
          (module) =>
            module !== 'require' &&
            !uses.some((used) => used === module || packageOf(used) === module),
        )
        .map((module) => `${file}: ${module}`)
    })
    expect(stale).toEqual([])
  })
})
