// FastMCP itself, where Python and the package are there: it answers in both eras, and asks in the legacy one.
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { askedLegacy, askedModern } from '../e2e/asking-eras.ts'
import { eventually, modernCall } from '../e2e/client.ts'
import { everything, startGateway } from '../e2e/gateway.ts'
import { names } from '../e2e/json.ts'

// biome-ignore lint/style/noProcessEnv: a switch of the test run, not of the product
const python = process.env['SALLYPORT_PYTHON'] ?? 'python3'
const found = spawnSync(python, ['-c', 'import fastmcp; print(fastmcp.__version__)'], {
  encoding: 'utf8',
})
const version = found.status === 0 ? found.stdout.trim() : undefined
if (version === undefined)
  process.stdout.write(`SKIPPED: ${python} has no fastmcp; SALLYPORT_PYTHON names another Python\n`)

const program = `
from dataclasses import dataclass
from fastmcp import FastMCP, Context
mcp = FastMCP("asks")
@dataclass
class Who:
    name: str
    age: int
@mcp.tool
async def ask(ctx: Context) -> str:
    reply = await ctx.elicit("Who are you?", response_type=Who)
    return f"asked {reply.data.name}"
mcp.run()
`

test.skipIf(version === undefined)(`asks clients of both eras (${version})`, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-fastmcp-'))
  const file = join(folder, 'server.py')
  await writeFile(file, program)
  const stdio = { command: python, args: [file], process: 'per-principal' as const }
  const gateway = await startGateway({
    config: { servers: { asks: { stdio } } },
    keys: { first: everything },
  })
  try {
    const url = gateway.server('asks')
    await eventually(async () => {
      const list = await modernCall(url, gateway.key, 'tools/list')
      return names(list.message, 'tools').length === 1
    })
    expect(await askedLegacy(url, gateway.key, 'ask')).toBe('asked Ann')
    await askedModern(url, gateway.key, 'ask')
    expect(await askedModern(url, gateway.key, 'ask')).toBe('asked Ann')
  } finally {
    await gateway.stop()
    await rm(folder, { recursive: true })
  }
})
