// A server that asks what is no question harms its own call at the worst, never the gateway.
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { eventually, legacySession, modernCall } from '../e2e/client.ts'
import { everything, startGateway } from '../e2e/gateway.ts'
import { dig, names } from '../e2e/json.ts'

const odd = fileURLToPath(new URL('../fixtures/odd-server.mjs', import.meta.url))

test('malformed questions of a child process are refused, and everything goes on', async () => {
  const stdio = { command: process.execPath, args: [odd], process: 'per-principal' as const }
  const gateway = await startGateway({
    config: { servers: { odd: { stdio } } },
    keys: { first: everything },
  })
  try {
    await eventually(async () => {
      const list = await modernCall(gateway.server('odd'), gateway.key, 'tools/list')
      return dig(list.message, 'result') !== undefined && names(list.message, 'tools').length === 1
    })
    const { pid } = gateway
    const capabilities = { elicitation: {}, sampling: {} }
    const meta = { 'io.modelcontextprotocol/clientCapabilities': capabilities }
    for (const how of ['array', 'number']) {
      const params = { name: 'odd', arguments: { how } }
      const session = await legacySession(gateway.server('odd'), gateway.key, { capabilities })
      const legacy = await session.request('tools/call', params)
      const modern = await modernCall(gateway.server('odd'), gateway.key, 'tools/call', {
        ...params,
        _meta: meta,
      })
      for (const { message } of [legacy, modern])
        expect(dig(message, 'result', 'content', 0, 'text')).toBe('-32602')
    }
    const deep = await modernCall(gateway.server('odd'), gateway.key, 'tools/call', {
      name: 'odd',
      arguments: { how: 'deep' },
      _meta: meta,
    })
    expect(dig(deep.message, 'result', 'resultType')).toBe('input_required')
    expect(gateway.pid).toBe(pid)
    expect((await fetch(gateway.url.replace('/mcp', '/healthz'))).status).toBe(200)
  } finally {
    await gateway.stop()
  }
})
