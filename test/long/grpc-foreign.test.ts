/**
 * Services of other runtimes, found by their reflection. SALLYPORT_PYTHON names a Python with grpcio, grpcio-tools and
 * grpcio-reflection; `go` builds the other one from its registry.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, afterEach, expect, test } from 'vitest'
import { fixture } from '../apis/soap-tools.ts'
import { eventually, modernCall, modernTool } from '../e2e/client.ts'
import { everything, startGateway, type TestGateway } from '../e2e/gateway.ts'
import { dig, names } from '../e2e/json.ts'

const folder = mkdtempSync(join(tmpdir(), 'sallyport-grpc-'))
let child: ChildProcess | undefined
let gateway: TestGateway | undefined
afterEach(async () => {
  await gateway?.stop()
  child?.kill('SIGKILL')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Starts a service that prints where it listens, and a gateway in front of it. */
async function front(command: string, args: readonly string[], tool: string) {
  const server = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  child = server
  const [line]: unknown[] = await once(createInterface({ input: server.stdout }), 'line')
  const port = String(line).replace(/^.*:/, '')
  const running = await startGateway({
    config: { servers: { lab: { grpc: { address: `grpc://127.0.0.1:${port}` } } } },
    keys: { first: everything },
  })
  gateway = running
  await eventually(async () => {
    const listed = await modernCall(running.url, running.key, 'tools/list')
    return names(listed.message, 'tools').includes(`lab__${tool}`)
  })
  return async (name: string, given: object): Promise<unknown> => {
    const { message } = await modernTool(running.url, running.key, `lab__${name}`, { ...given })
    return dig(message, 'result', 'structuredContent')
  }
}

// biome-ignore lint/style/noProcessEnv: names a program of the machine
const python = process.env['SALLYPORT_PYTHON'] ?? 'python3'
const hasPython = spawnSync(python, ['-c', 'import grpc_reflection, grpc_tools']).status === 0
if (!hasPython)
  process.stdout.write(`skipped: ${python} has no grpcio, grpcio-tools and grpcio-reflection\n`)

test.skipIf(!hasPython)('grpcio: fields have their names, there and back', async () => {
  const call = await front(python, [fixture('grpc/hello-server.py')], 'say')
  const args = { firstName: 'Ada', pageSize: 7, byMail: 'ada@example.org' }
  expect(await call('say', args)).toEqual(args)
})

const lab = join(folder, 'lab')
const built = spawnSync('go', ['build', '-o', lab, '.'], { cwd: fixture('grpc/go-server') })
if (built.status !== 0)
  process.stdout.write(
    `skipped: go builds no service of grpc-go: ${built.error?.message ?? String(built.stderr).slice(0, 300)}\n`,
  )

test.skipIf(built.status !== 0)('grpc-go: unary calls, maps and a stream', async () => {
  const call = await front(lab, [], 'check')
  expect(await call('check', { service: 'shop' })).toEqual({ status: 'SERVING' })
  expect(await call('list', {})).toMatchObject({ statuses: { shop: { status: 'SERVING' } } })
  expect(await call('get_servers', {})).toMatchObject({ server: [{ data: {} }], end: true })
  // It goes on for ever; what came until then is the answer.
  const watched = await call('watch', { service: 'shop' })
  expect(JSON.stringify(watched)).toContain('"status":"SERVING"')
})
