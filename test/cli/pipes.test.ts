/**
 * What a command prints reaches a reader that is slow, whole, and a reader that goes away is no fault. A stand-in
 * listens where the gateway would and answers every operation with more than any pipe holds.
 */
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { createServer as createSocketServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Route } from '../../src/admin/contract/route.ts'
import { routes } from '../../src/admin/contract/routes.ts'
import { commandNames, startCommand } from './built-commands.ts'

const manyBytes = 10_000_000

/** How each command is run. `small` says why its output cannot be large; it must then be whole all the same. */
const commands: Readonly<Record<string, { readonly args?: string; readonly small?: string }>> = {
  up: { args: '--port 99999', small: 'an endpoint and a key; here the sentence of a wrong option' },
  add: { args: 'big http://127.0.0.1:9/mcp --kind http' },
  convert: { args: 'openapi big.json' },
  import: { args: 'clients.json --dry-run' },
  ls: {},
  tools: {},
  call: { args: 'a.b {} --key sp_x' },
  remove: { args: 'big' },
  check: { args: '--config broken.yaml', small: 'it stops at the first hundred mistakes' },
  doctor: {},
  connect: { args: 'cursor', small: 'an address and a key' },
  stdio: { args: '--key sp_x' },
  'keys create': { args: 'big' },
  'keys ls': {},
  'keys revoke': { args: 'big' },
  'roles ls': {},
  'roles set': { args: 'big --allow */*' },
  'roles remove': { args: 'big' },
  'rules grant': { args: '--key a --role b' },
  'rules ls': {},
  'rules remove': { args: 'big' },
  'toolsets set': { args: 'big --include */*' },
  'toolsets ls': {},
  'toolsets remove': { args: 'big' },
  'limits set': { args: '--calls 1/second' },
  'limits ls': {},
  'limits remove': { args: 'big' },
  explain: { args: 'a b.c' },
  'audit tail': {},
  'audit verify': {},
  'audit export': {},
  'secrets rotate': {},
  schema: { small: 'the schema of this version' },
  version: { small: 'one word' },
}

interface JsonSchema {
  readonly type?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly items?: JsonSchema
}

/** A value that fits; the first text that may be anything is what `texts` has first. */
function sample(schema: JsonSchema, texts: string[]): unknown {
  const [form] = schema.anyOf ?? schema.oneOf ?? []
  if (form !== undefined) return sample(form, texts)
  if (schema.const !== undefined) return schema.const
  if (schema.enum !== undefined) return schema.enum[0]
  if (schema.type === 'string') return texts.shift() ?? 'x'
  if (schema.type === 'number' || schema.type === 'integer') return 1
  if (schema.type === 'boolean') return true
  if (schema.type === 'array') return [sample(schema.items ?? {}, texts)]
  const members = Object.entries(schema.properties ?? {})
  return Object.fromEntries(members.map(([name, member]) => [name, sample(member, texts)]))
}

function answerOf(route: Route): unknown {
  const filler = 'x'.repeat(manyBytes)
  if (route.id === 'callTool')
    return { kind: 'complete', json: JSON.stringify({ content: [{ type: 'text', text: filler }] }) }
  if (route.id === 'detectSource')
    return { kind: 'openapi', what: 'a description', spec: { openapi: { spec: '/big.json' } } }
  const given = sample(JSON.parse(JSON.stringify(z.toJSONSchema(route.answer))), [filler])
  if (route.id === 'addServer') return Object.assign({}, given, { warnings: [filler] })
  return route.id === 'getStatus' ? Object.assign({}, given, { endpoint: undefined }) : given
}

/** One entry, again and again. */
const auditEntry = JSON.stringify({
  writer: 'w',
  sequence: 1,
  entry: { kind: 'refusal', at: 1, detail: 'x'.repeat(1_000) },
})

let folder = ''
const servers: { close(): unknown }[] = []

async function listen(server: Server | ReturnType<typeof createSocketServer>, path: string) {
  servers.push(server)
  await once(server.listen(path), 'listening')
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-pipes-'))
  const gateway = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? ''
    const route = routes.find(
      (one) =>
        one.method === request.method &&
        new RegExp(`^${one.path.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path),
    )
    request.resume()
    if (route === undefined) response.writeHead(500).end()
    else if (route.lines === true)
      response.end(`${auditEntry}\n`.repeat(Math.ceil(manyBytes / 1_000)))
    else response.end(JSON.stringify(answerOf(route)))
  })
  await listen(gateway, join(folder, 'admin.sock'))
  const stdio = createSocketServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.end(`ok\n${'x'.repeat(manyBytes)}\n`))
  })
  await listen(stdio, join(folder, 'stdio.sock'))
  await writeFile(join(folder, 'big.json'), '{}')
  const entry = { command: 'big', args: ['x'.repeat(10_000)] }
  const names = Array.from({ length: manyBytes / 10_000 }, (_, index) => [`big-${index}`, entry])
  const mcpServers = Object.fromEntries(names)
  await writeFile(join(folder, 'clients.json'), JSON.stringify({ mcpServers }))
  await writeFile(join(folder, 'broken.yaml'), 'nosuch: 1\n')
})

afterAll(async () => {
  for (const server of servers) server.close()
  await rm(folder, { recursive: true, force: true })
})

function start(name: string, ...more: string[]) {
  const words = [...name.split(' '), ...(commands[name]?.args?.split(' ') ?? []), ...more]
  return startCommand([...words, '--data', folder], { cwd: folder })
}

/** Reads a chunk, then lets others go first. */
async function readSlowly(stream: Readable): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) {
    chunks.push(chunk)
    for (let turns = 0; turns < 5; turns++) await turn()
  }
  return Buffer.concat(chunks).toString('utf8')
}

it('has a row for every command of --help', () => {
  expect(Object.keys(commands).sort()).toEqual(commandNames().sort())
})

describe.each(Object.entries(commands))('%s', (name, { small }) => {
  it.each(['--json', 'text'])('reaches a slow reader whole: %s', async (form) => {
    const child = start(name, ...(form === '--json' && name !== 'stdio' ? ['--json'] : []))
    child.stdin.end()
    const [stdout, stderr] = await Promise.all([readSlowly(child.stdout), readSlowly(child.stderr)])
    if (form === '--json' && name !== 'stdio' && !name.startsWith('audit'))
      expect(JSON.parse(stdout)).toBeTypeOf('object')
    expect(`${stdout}${stderr}`.endsWith('\n')).toBe(true)
    if (small === undefined) expect(stdout.length + stderr.length).toBeGreaterThanOrEqual(manyBytes)
  })

  it('ends quietly when nobody reads on', async () => {
    const child = start(name, '--json')
    const ended = once(child, 'exit')
    child.stdin.end()
    child.stdout.once('data', () => child.stdout.destroy())
    const stderr = await readSlowly(child.stderr)
    const [, signal] = await ended
    expect([stderr, signal]).toEqual(['', null])
  })
})
