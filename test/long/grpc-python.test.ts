/** A service of grpcio, found by its reflection. SALLYPORT_PYTHON names a Python with grpcio, grpcio-tools and grpcio-reflection. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { afterAll, expect, test } from 'vitest'
import { fixture } from '../apis/soap-tools.ts'
import { eventually, modernCall, modernTool } from '../e2e/client.ts'
import { everything, startGateway, type TestGateway } from '../e2e/gateway.ts'
import { dig, names } from '../e2e/json.ts'

// biome-ignore lint/style/noProcessEnv: names a program of the machine
const python = process.env['SALLYPORT_PYTHON'] ?? 'python3'
const isThere = spawnSync(python, ['-c', 'import grpc_reflection, grpc_tools']).status === 0
if (!isThere)
  process.stdout.write(`skipped: ${python} has no grpcio, grpcio-tools and grpcio-reflection\n`)

let child: ChildProcess | undefined
let gateway: TestGateway | undefined
afterAll(async () => {
  await gateway?.stop()
  child?.kill('SIGKILL')
})

test.skipIf(!isThere)(
  'grpcio: fields have their names, there and back',
  { timeout: 120_000 },
  async () => {
    const server = spawn(python, [fixture('grpc/hello-server.py')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    child = server
    const [port]: unknown[] = await once(createInterface({ input: server.stdout }), 'line')
    const running = await startGateway({
      config: { servers: { hello: { grpc: { address: `grpc://127.0.0.1:${String(port)}` } } } },
      keys: { first: everything },
    })
    gateway = running
    await eventually(async () => {
      const listed = await modernCall(running.url, running.key, 'tools/list')
      return names(listed.message, 'tools').includes('hello__say')
    })
    const args = { firstName: 'Ada', pageSize: 7, byMail: 'ada@example.org' }
    const { message, text } = await modernTool(running.url, running.key, 'hello__say', args)
    expect(dig(message, 'result', 'structuredContent'), text).toEqual(args)
  },
)
