// A bare TCP client for what no HTTP library would send.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { patienceMs } from '../patience.ts'

export interface RawReply {
  readonly status: number
  readonly head: string
  readonly body: string
}

const waitMs = patienceMs

export class RawConnection {
  private readonly socket: Socket
  private received = ''
  closed = false

  constructor(socket: Socket) {
    this.socket = socket
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      this.received += chunk
    })
    socket.on('error', () => undefined)
    // We may keep our side open, so the end of the other side is what counts.
    for (const event of ['end', 'close'])
      socket.on(event, () => {
        this.closed = true
      })
  }

  write(text: string): void {
    if (!this.socket.destroyed) this.socket.write(text, 'latin1')
  }

  /** Closes our sending side only. */
  halfClose(): void {
    this.socket.end()
  }

  destroy(): void {
    this.socket.destroy()
  }

  /** The next whole answer, by its Content-Length, or what is there once the gateway closes. */
  async next(): Promise<RawReply> {
    const deadline = Date.now() + waitMs
    while (Date.now() < deadline) {
      const reply = this.take()
      if (reply !== undefined) return reply
      if (this.closed) throw new Error(`closed without an answer: ${this.received.slice(0, 200)}`)
      await delay(5)
    }
    throw new Error('no answer in time')
  }

  async untilClosed(): Promise<void> {
    const deadline = Date.now() + waitMs
    while (!this.closed) {
      if (Date.now() > deadline) throw new Error('not closed in time')
      await delay(5)
    }
  }

  private take(): RawReply | undefined {
    const end = this.received.indexOf('\r\n\r\n')
    if (end < 0) return undefined
    const head = this.received.slice(0, end)
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1])
    const rest = this.received.slice(end + 4)
    const found = /transfer-encoding: chunked/i.test(head)
      ? readChunks(rest)
      : readLength(rest, Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0))
    if (found === undefined) return undefined
    this.received = rest.slice(found.size)
    return { status, head, body: found.body }
  }
}

interface Found {
  readonly body: string
  readonly size: number
}

function readLength(text: string, length: number): Found | undefined {
  return text.length < length ? undefined : { body: text.slice(0, length), size: length }
}

function readChunks(text: string): Found | undefined {
  let body = ''
  let at = 0
  for (;;) {
    const line = text.indexOf('\r\n', at)
    if (line < 0) return undefined
    const length = Number.parseInt(text.slice(at, line), 16)
    const next = line + 2 + length + 2
    if (text.length < next) return undefined
    if (length === 0) return { body, size: next }
    body += text.slice(line + 2, line + 2 + length)
    at = next
  }
}

export async function openRaw(url: string): Promise<RawConnection> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
  await once(socket, 'connect')
  return new RawConnection(socket)
}

/** Sends text on a connection of its own and gives the first answer. */
export async function sendRaw(url: string, text: string): Promise<RawReply> {
  const connection = await openRaw(url)
  try {
    connection.write(text)
    return await connection.next()
  } finally {
    connection.destroy()
  }
}

/** The text of a request with a body. */
export function rawRequest(
  url: string,
  method: string,
  headers: Readonly<Record<string, string | number>>,
  body = '',
): string {
  const { host, pathname, search } = new URL(url)
  const all = { host, ...headers }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${method} ${pathname}${search} HTTP/1.1\r\n${lines.join('')}\r\n${body}`
}
