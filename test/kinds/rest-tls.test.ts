/** TLS of the one way out: the name is checked though the address is dialled, and who gets to see a client certificate. */

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { TLSSocket } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Egress } from '../../src/egress/egress.ts'
import { createEgress } from '../../src/egress/guard.ts'
import type { Answer } from '../../src/kinds/api/executor.ts'
import { createRestExecutor } from '../../src/kinds/openapi/execute/executor.ts'
import { openapiSpec } from '../../src/model/kinds/openapi.ts'
import { patienceMs } from '../patience.ts'
import { textOf } from './contract.ts'
import { plainPlan } from './rest-server.ts'

const file = (name: string): string =>
  readFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url), 'utf8')
const ca = file('ca.pem')
const client = { ca, cert: file('client.pem'), key: file('client.key') }

interface Seen {
  readonly names: string[]
  readonly clients: string[]
}

async function serve(
  redirect: () => string | undefined = () => undefined,
): Promise<Seen & { port: number }> {
  const seen: Seen = { names: [], clients: [] }
  const server: Server = createServer(
    {
      key: file('server.key'),
      cert: file('server.pem'),
      ca,
      requestCert: true,
      rejectUnauthorized: false,
    },
    (_request, response) => {
      const location = redirect()
      if (location !== undefined) response.writeHead(302, { location })
      response.end('{}')
    },
  )
  server.on('secureConnection', (socket: TLSSocket & { servername?: string | false }) => {
    seen.names.push(String(socket.servername))
    const subject = socket.getPeerCertificate().subject
    seen.clients.push(socket.authorized ? String(subject.CN) : '-')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  return { ...seen, port: typeof address === 'object' && address !== null ? address.port : 0 }
}

const egress = (): Egress =>
  createEgress({
    named: ['api.test', 'other.test'],
    spec: { hosts: [], networks: ['loopback'] },
    resolve: async () => [{ address: '127.0.0.1', family: 4 }],
  })

async function call(
  origin: string,
  tls: { ca?: string; cert?: string; key?: string },
): Promise<Answer> {
  const executor = createRestExecutor({
    server: 'api',
    spec: openapiSpec.parse({ spec: 'api.yaml' }),
    credential: { tls },
    egress: egress(),
    cursors: { seal: (text) => text, open: (text) => text },
    timeoutMs: patienceMs,
    now: Date.now,
  })
  onTestFinished(() => executor.close())
  return executor.run({
    plan: { ...plainPlan, method: 'POST', baseUrl: origin },
    common: { security: {} },
    args: '{}',
    headers: {},
    principalId: 'key:test',
    signal: AbortSignal.timeout(patienceMs),
    progress: () => undefined,
  })
}

describe('TLS', () => {
  it('asks for the name and checks it, whatever address is dialled', async () => {
    const { port, names } = await serve()
    expect((await call(`https://api.test:${port}`, { ca })).isError).toBe(false)
    expect(names).toEqual(['api.test'])
    // Another name at the same address has no certificate there.
    await expect(call(`https://other.test:${port}`, { ca })).rejects.toMatchObject({
      code: 'server_unavailable',
    })
    // Nor does an authority that nobody named.
    await expect(call(`https://api.test:${port}`, {})).rejects.toMatchObject({
      code: 'server_unavailable',
    })
  })

  it('presents a client certificate', async () => {
    const { port, clients } = await serve()
    await call(`https://api.test:${port}`, client)
    expect(clients).toEqual(['client.test'])
  })

  it('shows it to nobody else after a redirect', async () => {
    const other = await serve()
    const first = await serve(() => `https://api.test:${other.port}/`)
    const executed = await call(`https://api.test:${first.port}`, client)
    expect(textOf(executed)).not.toContain('"isError":true')
    expect(first.clients).toEqual(['client.test'])
    expect(other.clients).toEqual(['-'])
  })

  it('sockets of other protocols are checked alike', async () => {
    const { port, names } = await serve()
    const connect = (servername: string, authority: string | undefined): Promise<unknown> =>
      egress()
        .connect({
          host: 'api.test',
          port,
          timeoutMs: patienceMs,
          tls: { servername, ...(authority === undefined ? {} : { ca: authority }) },
        })
        .then((socket) => onTestFinished(() => void socket.destroy()))
    await connect('api.test', ca)
    // The client is through its handshake before the server is.
    await expect.poll(() => names).toEqual(['api.test'])
    await expect(connect('other.test', ca)).rejects.toMatchObject({ code: 'server_unavailable' })
    await expect(connect('api.test', undefined)).rejects.toMatchObject({
      code: 'server_unavailable',
    })
  })
})
