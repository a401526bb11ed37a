// Waits until the gateway knows the tools of every server, so that a slow start is not taken for a missing tool.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import type { Gateway } from './gateway.ts'
import type { Server } from './servers.ts'

const SETTLE_MS = 60_000
const PAUSE_MS = 500

/** Resolves to the servers that are still without tools when the time is over. */
export async function settle(
  gateway: Gateway,
  servers: readonly Server[],
  key: string,
): Promise<readonly string[]> {
  const end = Date.now() + SETTLE_MS
  for (;;) {
    const names = await toolsOf(gateway.url, key).catch(() => [])
    const missing = servers.filter(
      (server) => !names.some((name) => name.startsWith(`${server.name}__`)),
    )
    if (missing.length === 0 || Date.now() > end) return missing.map((server) => server.name)
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  }
}

async function toolsOf(url: string, key: string): Promise<readonly string[]> {
  const client = new Client({ name: 'interop-settle', version: '1.0.0' })
  const headers = { Authorization: `Bearer ${key}` }
  await client.connect(
    new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }),
  )
  try {
    return (await client.listTools()).tools.map((tool) => tool.name)
  } finally {
    await client.close()
  }
}
