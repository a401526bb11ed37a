// A server of both eras that can ask only in the legacy one: its callers lose nothing by its being a modern server, too.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { askedLegacy, askedModern, textOf } from '../e2e/asking-eras.ts'
import { eventually, legacySession, modernCall, modernTool } from '../e2e/client.ts'
import { everything, startGateway, type TestGateway } from '../e2e/gateway.ts'
import { names } from '../e2e/json.ts'
import { type Stub, startStub } from './stub-server.ts'

const program = fileURLToPath(new URL('../fixtures/asks-in-legacy.mjs', import.meta.url))
const stdio = { command: process.execPath, args: [program, 'stdio'] }

let server: ChildProcess
let modernOnly: Stub
let gateway: TestGateway
beforeAll(async () => {
  const child = spawn(process.execPath, [program, 'http'], { stdio: ['ignore', 'pipe', 'inherit'] })
  server = child
  const [port]: unknown[] = await once(child.stdout, 'data')
  modernOnly = await startStub({ era: 'modern' })
  gateway = await startGateway({
    config: {
      servers: {
        http: { http: { url: `http://127.0.0.1:${String(port).trim()}/mcp` } },
        stdio: { stdio: { ...stdio, process: 'per-principal' } },
        modern: { http: { url: modernOnly.url } },
      },
    },
    keys: { first: everything },
  })
})
afterAll(async () => {
  await gateway.stop()
  await modernOnly.stop()
  server.kill()
})

test.each(['http', 'stdio'])('over %s', async (name) => {
  const url = gateway.server(name)
  const { key } = gateway
  await eventually(async () => {
    const list = await modernCall(url, key, 'tools/list')
    return names(list.message, 'tools').length === 2
  })
  // A modern client is served in the modern era, a legacy one that can be asked in its own, from the first call on.
  expect(textOf((await modernTool(url, key, 'plain')).message)).toBe('plain modern')
  expect(await askedLegacy(url, key, 'ask')).toBe('asked Ann')
  // One that cannot be asked loses nothing in the modern era.
  const session = await legacySession(url, key)
  expect(textOf((await session.tool('plain')).message)).toBe('plain modern')
  // A modern client that can be asked learns once that the server cannot ask it there.
  expect(await askedModern(url, key, 'ask')).toContain('unavailable')
  expect(await askedModern(url, key, 'ask')).toBe('asked Ann')
  expect(textOf((await modernTool(url, key, 'plain')).message)).toBe('plain modern')
})

test('a server of the modern era alone is asked for another one once', async () => {
  const url = gateway.server('modern')
  const capabilities = { elicitation: {} }
  const session = await legacySession(url, gateway.key, { capabilities })
  for (const n of [1, 2, 3])
    expect(textOf((await session.tool('echo', { n })).message)).toBe(`{"n":${n}}`)
  expect(modernOnly.seen.filter((method) => method === 'initialize')).toHaveLength(1)
})
