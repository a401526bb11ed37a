// An MCP server behind a private authority that asks for a client certificate.
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually, modernTool } from '../e2e/client.ts'
import { everything, startGateway, type TestGateway } from '../e2e/gateway.ts'
import { dig } from '../e2e/json.ts'

const folder = mkdtempSync(join(tmpdir(), 'sallyport-tls-'))
const path = (name: string): string => join(folder, name)
const openssl = (...args: readonly string[]): void => {
  execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' })
}

function makeCertificates(): void {
  const days = ['-days', '2', '-nodes', '-newkey', 'rsa:2048']
  openssl('req', '-x509', ...days, '-subj', '/CN=ca', '-keyout', 'ca.key', '-out', 'ca.pem')
  for (const [name, san] of [
    ['server', 'IP:127.0.0.1'],
    ['client', 'DNS:client'],
  ]) {
    writeFileSync(path(`${name}.ext`), `subjectAltName=${san}`)
    const key = ['-keyout', `${name}.key`, '-out', `${name}.csr`]
    openssl('req', '-nodes', '-newkey', 'rsa:2048', '-subj', `/CN=${name}`, ...key)
    const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2']
    const files = ['-in', `${name}.csr`, '-out', `${name}.pem`, '-extfile', `${name}.ext`]
    openssl('x509', '-req', ...signed, ...files)
  }
}

let server: Server
let gateway: TestGateway
beforeAll(async () => {
  makeCertificates()
  const file = (name: string): string => readFileSync(path(name), 'utf8')
  const own = { key: file('server.key'), cert: file('server.pem'), ca: file('ca.pem') }
  server = createServer({ ...own, requestCert: true }, (request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk
    })
    request.on('end', () => {
      if (request.method !== 'POST') {
        response.writeHead(405).end()
        return
      }
      const message: unknown = JSON.parse(body)
      const method = dig(message, 'method')
      const serverInfo = { name: 's', version: '1' }
      const result =
        method === 'initialize'
          ? { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo }
          : method === 'tools/list'
            ? { tools: [{ name: 'echo', inputSchema: { type: 'object' } }] }
            : { content: [{ type: 'text', text: 'ran' }] }
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ jsonrpc: '2.0', id: dig(message, 'id'), result }))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  const http = { url: `https://127.0.0.1:${port}/mcp` }
  const ca = `file:${path('ca.pem')}`
  const client = { ca, cert: `file:${path('client.pem')}`, key: `file:${path('client.key')}` }
  gateway = await startGateway({
    config: {
      servers: {
        both: { http, era: 'legacy', credential: { bearer: 'x', tls: client } },
        alone: { http, era: 'legacy', credential: { tls: client } },
        nobody: { http, era: 'legacy', credential: { tls: { ca } } },
        public: { http, era: 'legacy' },
      },
    },
    keys: { first: everything },
  })
})
afterAll(async () => {
  await gateway.stop()
  server.close()
  rmSync(folder, { recursive: true })
})

test.each(['both', 'alone'])('%s: its certificate is trusted, and ours is shown', async (name) => {
  const reply = await modernTool(gateway.server(name), gateway.key, 'echo')
  expect(dig(reply.message, 'result', 'content', 0, 'text')).toBe('ran')
})

test.each([
  ['nobody', /alert|ECONNRESET|SOCKET|certificate/i],
  ['public', /SELF_SIGNED|UNABLE_TO_VERIFY|certificate/i],
])('%s: without it there is no connection, and the log says why', async (name, why) => {
  const reply = await modernTool(gateway.server(name), gateway.key, 'echo')
  expect(dig(reply.message, 'error')).toBeDefined()
  await eventually(async () =>
    gateway.log.split('\n').some((line) => line.includes(name) && why.test(line)),
  )
})
