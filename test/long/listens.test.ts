// 10,000 idle listen streams on real sockets: resident memory of each, beside a bare node:http stream in the same run.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { freePort } from '../bench/processes.ts'
import { startFixture } from '../conformance/start-fixture.ts'
import { eventually, modernRequest, modernTool } from '../e2e/client.ts'
import { everything, startGateway } from '../e2e/gateway.ts'

/** The file descriptors of each process must do; a lower limit of the machine makes the run smaller, and is said. */
const wanted = 10_000
const spareDescriptors = 1_000
/** These pay for what all share, and do not count. */
const first = 500
const batch = 100
/** As the gateway is started by `npm start`. */
const env = { NODE_OPTIONS: '--max-semi-space-size=8' }

const bareServer = fileURLToPath(new URL('../bench/static.mjs', import.meta.url))

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'latin1')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1_024
}

async function descriptorsMax(): Promise<number> {
  const limits = await readFile('/proc/self/limits', 'latin1')
  return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 1_024)
}

interface Target {
  readonly port: number
  readonly pid: number
  readonly text: string
  /** What the head of the stream is followed by. */
  readonly opened: string
}

/** @param onChange runs when the stream tells of a change */
function openStream(target: Target, onChange: () => void): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(target.port, '127.0.0.1', () => socket.write(target.text))
    let got = ''
    socket.on('error', reject)
    socket.on('close', () => reject(new Error(`closed: ${got.slice(0, 300)}`)))
    socket.on('data', function take(chunk: Buffer) {
      got += chunk.toString('latin1')
      if (!got.includes(target.opened)) return
      socket.off('data', take)
      socket.on('data', (more: Buffer) => {
        if (more.includes('list_changed')) onChange()
      })
      resolve(socket)
    })
  })
}

/** Resident bytes of one more stream. */
async function perStream(
  target: Target,
  count: number,
  look: (heard: () => number) => Promise<void>,
): Promise<number> {
  const sockets: Socket[] = []
  let heard = 0
  const openMany = async (many: number): Promise<void> => {
    for (let left = many; left > 0; left -= batch)
      sockets.push(
        ...(await Promise.all(
          Array.from({ length: Math.min(batch, left) }, () => openStream(target, () => heard++)),
        )),
      )
    await delay(3_000)
  }
  try {
    await openMany(first)
    const before = await residentBytes(target.pid)
    await openMany(count - first)
    const after = await residentBytes(target.pid)
    await look(() => heard)
    return (after - before) / (count - first)
  } finally {
    for (const socket of sockets)
      socket
        .removeAllListeners()
        .on('error', () => undefined)
        .destroy()
  }
}

function requestText(url: string, headers: Readonly<Record<string, string>>, body: string): string {
  const { pathname, host } = new URL(url)
  const all = {
    host,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'content-length': String(Buffer.byteLength(body)),
    ...headers,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `POST ${pathname} HTTP/1.1\r\n${lines.join('')}\r\n${body}`
}

async function startBare(port: number): Promise<ChildProcess> {
  const child = spawn(process.execPath, [bareServer, String(port)], {
    stdio: 'ignore',
    env: { ...env, PATH: '/usr/bin:/bin' },
  })
  await eventually(async () =>
    fetch(`http://127.0.0.1:${port}/`).then(
      (response) => response.ok,
      () => false,
    ),
  )
  return child
}

test('idle listen streams cost little, and each is told of a change once', async () => {
  const count = Math.min(wanted, (await descriptorsMax()) - spareDescriptors)
  const fixture = await startFixture({ era: 'modern' })
  const gateway = await startGateway({
    config: {
      servers: { s: { http: { url: fixture.url } } },
      listen: { connections: count + spareDescriptors },
    },
    keys: { first: everything },
    env,
  })
  const plainPort = await freePort()
  const bare = await startBare(plainPort)
  try {
    await eventually(
      async () => (await modernTool(gateway.url, gateway.key, 's__echo')).status === 200,
    )
    const { body, headers } = modernRequest('subscriptions/listen', {
      notifications: { toolsListChanged: true },
    })
    const auth = { ...headers, authorization: `Bearer ${gateway.key}` }
    const port = Number(new URL(gateway.url).port)
    const text = requestText(gateway.url, auth, body)
    const own = await perStream(
      { port, pid: gateway.pid, text, opened: 'acknowledged' },
      count,
      async (heard) => {
        await modernTool(gateway.url, gateway.key, 's__add_tool', { name: 'later' })
        await eventually(async () => heard() === count)
      },
    )
    const plainText = requestText(`http://127.0.0.1:${plainPort}/stream`, auth, body)
    const plain = await perStream(
      { port: plainPort, pid: bare.pid ?? 0, text: plainText, opened: 'data: {}' },
      count,
      async () => undefined,
    )
    const kb = (bytes: number): string => (bytes / 1_024).toFixed(1)
    process.stdout.write(
      `${count} idle streams: ${kb(own)} KB each, ${kb(plain)} KB each in bare node:http\n`,
    )
    expect(own / 1_024).toBeLessThanOrEqual(20)
  } finally {
    bare.kill()
    await once(bare, 'close')
    await gateway.stop()
    await fixture.stop()
  }
})
