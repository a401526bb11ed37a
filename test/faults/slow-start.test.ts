// A program that is slow to start is not ended and begun anew, whatever era it turns out to be of.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually, modernCall, modernTool } from '../e2e/client.ts'
import { everything, startGateway, type TestGateway } from '../e2e/gateway.ts'
import { dig, names } from '../e2e/json.ts'

const program = fileURLToPath(new URL('../fixtures/slow-server.mjs', import.meta.url))
/** How often each is started: one that exits when it is asked what it does not know is, once more. */
const starts = { silent: 1, modern: 1, dual: 1, exits: 2 }
const modes = Object.keys(starts)

let gateway: TestGateway
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-slow-'))
  const entries = modes.map((mode) => [
    mode,
    { stdio: { command: process.execPath, args: [program, mode, join(folder, 'starts')] } },
  ])
  gateway = await startGateway({
    config: { servers: { ...Object.fromEntries(entries) } },
    keys: { first: everything },
  })
})
afterAll(async () => {
  await gateway.stop()
  await rm(folder, { recursive: true })
})

test.each(modes)('%s', async (mode) => {
  await eventually(async () => {
    const list = await modernCall(gateway.server(mode), gateway.key, 'tools/list')
    return names(list.message, 'tools').length === 1
  })
  const reply = await modernTool(gateway.server(mode), gateway.key, 'echo')
  expect(dig(reply.message, 'result', 'content', 0, 'text')).toBe(mode)
  const lines = (await readFile(join(folder, 'starts'), 'utf8')).split('\n')
  expect(lines.filter((line) => line === mode).length).toBe(Reflect.get(starts, mode))
})
