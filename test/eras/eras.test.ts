// Every row of the era-bridging matrix, proved in every pair of eras by the public door.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FIXTURE_SERVER } from '../conformance/start-fixture.ts'
import { eventually, modernCall } from '../e2e/client.ts'
import { everything } from '../e2e/gateway.ts'
import { names } from '../e2e/json.ts'
import { startWorld, type TestWorld } from '../e2e/world.ts'
import { Cell } from './cell.ts'
import './proofs-basics.ts'
import './proofs-questions.ts'
import './proofs-streams.ts'
import { gaps, proofs } from './registry.ts'
import { type CellId, cells, type Row, rows, type Verdict } from './rows.ts'

const everythingServer = join(
  createRequire(import.meta.url).resolve('@modelcontextprotocol/server-everything/package.json'),
  '../dist/index.js',
)
let world: TestWorld
let pair: ChildProcess

/** A published server on the transport of 2024-11-05. */
async function startPair(): Promise<string> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  await new Promise((resolve) => probe.close(resolve))
  pair = spawn(process.execPath, [everythingServer, 'sse'], {
    stdio: 'ignore',
    env: { PATH: '/usr/bin:/bin', PORT: String(port) },
  })
  const url = `http://127.0.0.1:${port}/sse`
  await eventually(async () =>
    fetch(url, { signal: AbortSignal.timeout(1_000) }).then(
      async (response) => {
        await response.body?.cancel()
        return response.ok
      },
      () => false,
    ),
  )
  return url
}

beforeAll(async () => {
  const url = await startPair()
  world = await startWorld({
    fixtureArgs: ['--extensions'],
    keys: { other: everything },
    servers: {
      pair: { http: { url, transport: 'sse' } },
      piped: {
        stdio: {
          command: process.execPath,
          args: [FIXTURE_SERVER, '--stdio', '--era', 'legacy', '--extensions'],
          start: 'eager',
          process: 'per-principal',
        },
      },
    },
  })
  await eventually(async () => {
    const list = await modernCall(world.gateway.url, world.key, 'tools/list')
    const found = names(list.message, 'tools')
    return ['modern', 'legacy', 'pair', 'piped'].every((server) =>
      found.includes(`${server}__echo`),
    )
  })
})
afterAll(async () => {
  await world?.stop()
  pair?.kill()
})

test('every cell of the matrix has a proof, and no proof is of a cell that is not there', () => {
  expect(gaps()).toEqual({ uncited: [], unknown: [] })
})

for (const row of rows)
  describe(row.feature, () => {
    test.each(proofs.filter((proof) => proof.row === row.id))('$cell: $title', async (proof) => {
      await proof.run(new Cell(proof.cell, world))
    })
  })

const guide = fileURLToPath(new URL('../../docs/guides/protocol-eras.md', import.meta.url))
const shown: Readonly<Record<Verdict, string>> = {
  same: 'yes',
  clean: 'yes',
  stateful: 'yes, with state',
  lossy: 'with a loss',
  no: 'no',
  none: '—',
}
const heads: Readonly<Record<CellId, string>> = {
  LL: 'legacy client, legacy server',
  MM: 'modern client, modern server',
  LM: 'legacy client, modern server',
  ML: 'modern client, legacy server',
}

function table(all: readonly Row[]): string {
  const line = (parts: readonly string[]): string => `| ${parts.join(' | ')} |`
  return [
    line(['feature', ...cells.map((cell) => heads[cell]), 'what you notice']),
    line(['---', ...cells.map(() => '---'), '---']),
    ...all.map((row) =>
      line([row.feature, ...cells.map((cell) => shown[row.verdicts[cell]]), row.note]),
    ),
  ].join('\n')
}

test('the guide shows the matrix that these tests prove', () => {
  const form = /(<!-- matrix: generated -->\n)([\s\S]*?)(\n<!-- matrix: end -->)/
  const text = readFileSync(guide, 'utf8')
  // biome-ignore lint/style/noProcessEnv: a switch of the test run, not of the product
  if (process.env['UPDATE_DOCS'] === '1')
    writeFileSync(
      guide,
      text.replace(form, (_, start, __, end) => start + table(rows) + end),
    )
  else expect(form.exec(text)?.[2]).toBe(table(rows))
})
