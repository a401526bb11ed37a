// A loopback proxy that adds headers to every request, for test tools that cannot send their own.
// Bodies stream in both directions, and an end of either side ends the other one.
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'

export interface HeaderProxy {
  readonly url: string
  close(): Promise<void>
}

const HOP_BY_HOP = ['connection', 'keep-alive', 'proxy-connection']

/** Pairs of name and value as they came, so that their spelling and spacing stay. */
function pairs(raw: readonly string[]): [string, string][] {
  const list: [string, string][] = []
  for (let at = 0; at + 1 < raw.length; at += 2) list.push([raw[at] ?? '', raw[at + 1] ?? ''])
  return list.filter(([name]) => !HOP_BY_HOP.includes(name.toLowerCase()))
}

/** Names the target wherever the caller named the proxy; any other Host or Origin goes through untouched. */
function addressed(name: string, value: string, own: string, target: URL): string {
  if (name.toLowerCase() === 'host' && isSelf(value, own)) return target.host
  const origin = name.toLowerCase() === 'origin' && value.startsWith('http://')
  if (origin && isSelf(value.slice('http://'.length), own)) return target.origin
  return value
}

const isSelf = (host: string, port: string) =>
  [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`].includes(host.toLowerCase())

function forward(
  req: IncomingMessage,
  res: ServerResponse,
  target: URL,
  own: string,
  added: Readonly<Record<string, string>>,
): void {
  const replaced = new Set(Object.keys(added).map((name) => name.toLowerCase()))
  const headers = pairs(req.rawHeaders)
    .filter(([name]) => !replaced.has(name.toLowerCase()))
    .map(([name, value]) => [name, addressed(name, value, own, target)])
  const upstream = httpRequest(
    {
      host: target.hostname.replace(/^\[|\]$/g, ''),
      port: target.port === '' ? 80 : Number(target.port),
      path: req.url ?? '/',
      method: req.method ?? 'GET',
      headers: [...headers, ...Object.entries(added)].flat(),
      agent: false,
    },
    (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.statusMessage, pairs(answer.rawHeaders).flat())
      res.flushHeaders()
      answer.pipe(res)
      answer.once('error', () => res.destroy())
      answer.once('aborted', () => res.destroy())
    },
  )
  upstream.once('error', () => {
    if (res.headersSent) res.destroy()
    else res.writeHead(502).end()
  })
  res.once('close', () => upstream.destroy())
  req.pipe(upstream)
}

/** Listens on a free port; the returned URL has the path of `target`. */
export async function startHeaderProxy(
  target: string,
  headers: Readonly<Record<string, string>>,
): Promise<HeaderProxy> {
  const destination = new URL(target)
  let own = ''
  const server = createServer((req, res) => forward(req, res, destination, own, headers))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('the proxy has no port')
  own = String(address.port)
  return {
    url: `http://127.0.0.1:${own}${destination.pathname}${destination.search}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
