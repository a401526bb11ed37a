/** Resident memory of an idle listen stream, against a bare node:http stream. */
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import type { RequestSpec } from './messages.ts'
import { residentKb } from './proc.ts'
import { freePort, pause, start } from './processes.ts'
import { fixed, type Row } from './rows.ts'
import { startGateway } from './sallyport.ts'
import { modernRequest } from './session.ts'
import { here } from './targets.ts'

function open(request: RequestSpec): Promise<Socket> {
  const head = Object.entries({
    host: `127.0.0.1:${request.port}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'content-length': String(Buffer.byteLength(request.body)),
    ...request.headers,
  })
  const lines = head.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return new Promise((resolve, reject) => {
    const socket = connect(request.port, '127.0.0.1', () =>
      socket.write(`POST ${request.path} HTTP/1.1\r\n${lines}\r\n${request.body}`),
    )
    let got = ''
    socket.on('error', reject)
    socket.on('data', (chunk) => {
      got += chunk.toString('latin1')
      if (!got.includes(request.expect)) return
      if (got.startsWith('HTTP/1.1 200')) resolve(socket)
      else reject(new Error(got.slice(0, 300)))
    })
    setTimeout(() => reject(new Error(`no stream: ${got.slice(0, 300)}`)), 10_000).unref()
  })
}

/** Kilobytes of one more stream, the first 200 not counted: they pay for what all share. */
async function perStream(request: RequestSpec, pid: number, count: number): Promise<number> {
  const sockets: Socket[] = []
  const openMany = async (many: number): Promise<void> => {
    for (let left = many; left > 0; left -= 50)
      sockets.push(
        ...(await Promise.all(Array.from({ length: Math.min(50, left) }, () => open(request)))),
      )
    await pause(3_000)
  }
  try {
    await openMany(200)
    const before = residentKb(pid)
    await openMany(count)
    return (residentKb(pid) - before) / count
  } finally {
    for (const socket of sockets) {
      socket.removeAllListeners('error')
      socket.on('error', () => undefined)
      socket.destroy()
    }
  }
}

export const streamsRow: Row = {
  name: 'streams',
  limitMs: 3 * 60_000,
  async run({ context, quick }) {
    const count = quick ? 1_000 : 2_000
    const gateway = await startGateway({
      bundle: context.bundle,
      folder: join(context.work, 'streams'),
      servers: { modern: { url: `http://127.0.0.1:${context.upstreamPort}/mcp` } },
    })
    const place = { port: gateway.port, key: gateway.key, path: '/mcp' }
    const listen = modernRequest(place, 'subscriptions/listen', 'acknowledged')
    const body = listen.body.replace(
      '"params":{',
      '"params":{"notifications":{"toolsListChanged":true},',
    )
    const own = await perStream({ ...listen, body }, gateway.pid, count)
    const port = await freePort()
    const plain = await start({ args: [join(here, 'static.mjs'), String(port)], port })
    const bare = await perStream(
      { ...listen, port, path: '/stream', expect: 'data: {}' },
      plain.pid,
      count,
    )
    return {
      figures: [
        {
          what: `resident memory of an idle listen stream, ${count} streams (bare node:http: ${fixed(bare, 1)} KB)`,
          value: `${fixed(own, 1)} KB`,
          goal: '<= 20 KB',
          reached: own <= 20,
        },
      ],
    }
  },
}
