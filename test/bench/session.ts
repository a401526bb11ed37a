/** What a client sends, in both eras, and the start of a legacy session. */
import { idPlaceholder, type RequestSpec } from './messages.ts'

const modernMeta =
  '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}'

function modernHeaders(method: string, name: string | undefined): Record<string, string> {
  return {
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': method,
    ...(name === undefined ? {} : { 'mcp-name': name }),
  }
}

export interface Place {
  readonly port: number
  readonly path: string
  readonly key?: string | undefined
}

function auth(place: Place): Record<string, string> {
  return place.key === undefined ? {} : { authorization: `Bearer ${place.key}` }
}

/** A modern `tools/call`, stateless: 232 to 240 bytes of body. */
export function modernCall(place: Place, tool: string, expect = '"text":"hello'): RequestSpec {
  return {
    port: place.port,
    path: place.path,
    headers: { ...modernHeaders('tools/call', tool), ...auth(place) },
    body: `{"jsonrpc":"2.0","id":${idPlaceholder},"method":"tools/call","params":{"name":"${tool}","arguments":{"text":"hello there, echo"},${modernMeta}}}`,
    expect,
  }
}

/** A modern request of any other method. */
export function modernRequest(place: Place, method: string, expect: string): RequestSpec {
  return {
    port: place.port,
    path: place.path,
    headers: { ...modernHeaders(method, undefined), ...auth(place) },
    body: `{"jsonrpc":"2.0","id":${idPlaceholder},"method":"${method}","params":{${modernMeta}}}`,
    expect,
  }
}

/** Posts one request outside the load; resolves to status and text. */
export async function post(
  request: RequestSpec,
  signal?: AbortSignal,
): Promise<{ status: number; text: string; headers: Headers }> {
  const response = await fetch(`http://127.0.0.1:${request.port}${request.path}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...request.headers,
    },
    body: request.body,
    signal: signal ?? AbortSignal.timeout(20_000),
  })
  return { status: response.status, text: await response.text(), headers: response.headers }
}

/** Opens a 2025-11-25 session and gives its `tools/call`: 184 bytes of body. All connections share the session. */
export async function legacyCall(place: Place, tool: string): Promise<RequestSpec> {
  const base = { port: place.port, path: place.path, expect: '' }
  const initialize =
    '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}'
  const opened = await post({ ...base, headers: auth(place), body: initialize })
  if (opened.status !== 200)
    throw new Error(`initialize: HTTP ${opened.status} ${opened.text.slice(0, 300)}`)
  const session = opened.headers.get('mcp-session-id')
  const headers = {
    ...auth(place),
    'mcp-protocol-version': '2025-11-25',
    ...(session === null ? {} : { 'mcp-session-id': session }),
  }
  const initialized = '{"jsonrpc":"2.0","method":"notifications/initialized"}'
  await post({ ...base, headers, body: initialized })
  const start = `{"jsonrpc":"2.0","id":${idPlaceholder},"method":"tools/call","params":{"name":"${tool}","arguments":{"text":"`
  const text = 'hello there, echo'.padEnd(184 - start.length - 4, '.')
  return { ...base, headers, body: `${start}${text}"}}}`, expect: '"text":"hello' }
}

/** Asks once and fails with a sentence when the answer is not the expected one. */
export async function check(request: RequestSpec, tries = 1): Promise<void> {
  for (let left = tries; ; left--) {
    const { status, text } = await post(request)
    if (status === 200 && text.includes(request.expect)) return
    if (left <= 1) throw new Error(`HTTP ${status} ${text.slice(0, 300)}`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}
