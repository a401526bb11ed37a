/**
 * Server-sent events toward a client (WHATWG HTML, section 9.2). A legacy stream has event ids and outlives its
 * connection for a while, so that a client that lost it can resume with `Last-Event-ID`; a modern one has neither.
 */
import type { ServerResponse } from 'node:http'
import type { Arriving } from '../kit/arriving.ts'
import type { Account } from '../model/account.ts'
import { GatewayError } from '../model/refusal.ts'
import { Pending } from './pending.ts'

export interface EventStreamOptions {
  /** Prefix of event ids; undefined: no ids, nothing kept. */
  readonly id: string | undefined
  /** Extra response headers. */
  readonly headers: Readonly<Record<string, string>>
  readonly keptEventsMax: number
  readonly keptBytesMax: number
  /** What may wait unsent in the socket before the client counts as gone. */
  readonly pendingBytesMax: number
  /** Where it is counted what waits and what is kept. */
  readonly account: Account
}

/** One message as an event; line breaks inside become further data lines, which read back as the same bytes. */
export function eventText(text: string, id: string | undefined): string {
  const head = id === undefined ? '' : `id: ${id}\n`
  if (!text.includes('\n') && !text.includes('\r'))
    return `${head}event: message\ndata: ${text}\n\n`
  return `${head}event: message\n${text
    .split(/\r\n|\n|\r/)
    .map((line) => `data: ${line}`)
    .join('\n')}\n\n`
}

/** Resolves when the socket takes more, or is gone. */
export function drained(response: ServerResponse): Promise<void> {
  if (response.destroyed || response.writableEnded) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done)
      response.off('close', done)
      resolve()
    }
    response.on('drain', done)
    response.on('close', done)
  })
}

const ignore = (): void => undefined
/** Bytes that a character of a kept text can take. */
const keptWeight = 2

export class EventStream {
  private readonly options: EventStreamOptions
  private response: ServerResponse | undefined
  private pending: Pending | undefined
  private kept: { readonly sequence: number; readonly text: string }[] | undefined
  private keptBytes = 0
  private sequence = 0
  over = false

  constructor(options: EventStreamOptions, response: ServerResponse) {
    this.options = options
    this.attach(response, undefined)
  }

  get attached(): boolean {
    return this.response !== undefined
  }

  /** Takes over a connection; with `after`, replays what the client missed. */
  attach(response: ServerResponse, after: number | undefined): void {
    const before = this.response
    this.response = response
    this.pending = new Pending(response, this.options.account)
    response.on('error', ignore)
    before?.end()
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      ...this.options.headers,
    })
    if (after === undefined && this.options.id !== undefined) {
      // An event with an id and no data lets the client resume even when nothing else was sent yet.
      response.write(`id: ${this.options.id}-0\ndata:\n\n`)
    } else response.flushHeaders()
    if (after !== undefined)
      for (const event of this.kept ?? []) if (event.sequence > after) response.write(event.text)
    response.on('close', () => {
      if (this.response === response) this.response = undefined
    })
    if (!this.pending.fits()) response.destroy()
    if (this.over) response.end()
  }

  send(text: string): void {
    if (this.over) return
    this.sequence++
    const { id, pendingBytesMax } = this.options
    const event = eventText(text, id === undefined ? undefined : `${id}-${this.sequence}`)
    if (id !== undefined) this.keep(event)
    if (this.response === undefined) return
    this.response.write(event)
    if (this.response.writableLength > pendingBytesMax || this.pending?.fits() === false)
      this.response.destroy()
  }

  /**
   * One message that is too large to hold, as one event; it is not kept. One that breaks off becomes an event of another name,
   * which nobody takes for a message, and `instead` follows. So it does for a client that was not there, or comes back.
   */
  async sendPieces(
    head: readonly (string | Buffer)[],
    pieces: Arriving,
    tail: string,
    instead: (thrown: unknown) => string,
  ): Promise<void> {
    const { response } = this
    if (this.over || response === undefined) {
      const error = new GatewayError('answer_too_large', { detail: 'the client was not there' })
      pieces.stop(error)
      if (!this.over) this.send(instead(error))
      return
    }
    this.sequence++
    let waits = false
    // It may be stopped while this waits for a client that takes nothing.
    pieces.onStop(() => {
      if (waits) response.destroy()
    })
    const gone = (): boolean => this.over || response.destroyed || response.writableEnded
    response.write('event: message\ndata: ')
    for (const part of head) response.write(oneLine(Buffer.from(part)))
    try {
      for await (const piece of pieces) {
        if (gone()) return
        waits = !response.write(oneLine(piece))
        if (waits) await drained(response)
        waits = false
        if (gone()) return
      }
      if (!gone()) response.write(`${tail}\n\n`)
    } catch (thrown) {
      // Of several names the last counts (WHATWG HTML, section 9.2.6).
      if (!gone()) response.write('\nevent: broken-off\n\n')
      this.send(instead(thrown))
    }
  }

  /** A comment keeps proxies from closing an idle stream. */
  ping(): void {
    this.response?.write(':\n\n')
  }

  end(): void {
    this.over = true
    this.response?.end()
    this.response = undefined
  }

  /** Ends it, and nobody can take it up again. */
  forget(): void {
    this.end()
    this.options.account.give(keptWeight * this.keptBytes)
    this.kept = undefined
    this.keptBytes = 0
  }

  /** Closes the connection only; a legacy client comes back for the rest. */
  detach(): void {
    this.response?.end()
    this.response = undefined
  }

  private keep(text: string): void {
    this.kept ??= []
    const { kept } = this
    const { account, keptBytesMax, keptEventsMax } = this.options
    while (
      kept.length >= keptEventsMax ||
      (this.keptBytes + text.length > keptBytesMax && kept.length > 0)
    )
      this.dropOldest(kept)
    // Without room the client that comes back misses something, and nobody else does.
    while (!account.tryTake(keptWeight * text.length)) {
      if (kept.length === 0) return
      this.dropOldest(kept)
    }
    kept.push({ sequence: this.sequence, text })
    this.keptBytes += text.length
  }

  private dropOldest(kept: { readonly text: string }[]): void {
    const bytes = kept.shift()?.text.length ?? 0
    this.keptBytes -= bytes
    this.options.account.give(keptWeight * bytes)
  }
}

/** Line breaks stand only between tokens of JSON, where a blank says the same. */
function oneLine(bytes: Buffer): Buffer {
  if (!bytes.includes(0x0a) && !bytes.includes(0x0d)) return bytes
  const line = Buffer.from(bytes)
  for (const sign of [0x0a, 0x0d])
    for (let at = line.indexOf(sign); at !== -1; at = line.indexOf(sign, at + 1)) line[at] = 0x20
  return line
}
