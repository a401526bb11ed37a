/** The stdio door: one client on stdin and stdout, one message a line (MCP basic/transports/stdio). */
import type { Readable, Writable } from 'node:stream'
import { CancelSource } from '../kit/cancellation.ts'
import { Chain } from '../kit/chain.ts'
import { LineSplitter } from '../kit/line-splitter.ts'
import type { Endpoint } from '../model/call.ts'
import type { Principal } from '../model/principal.ts'
import { GatewayError, toGatewayError } from '../model/refusal.ts'
import type { Exchange } from '../model/session.ts'
import { bodyText } from './body.ts'
import { wholeText } from './http-exchange.ts'
import { noFacts } from './implicit-session.ts'
import type { SessionTable } from './sessions.ts'
import type { DoorPorts, Out, Outcome } from './settings.ts'

export interface StdioDoorOptions {
  readonly input: Readable
  readonly output: Writable
  readonly principal: Principal
  readonly endpoint: Endpoint
  readonly messageBytesMax: number
  readonly concurrentMax: number
}

/** Serves until the input ends and every running request is answered. */
export function serveStdio(
  ports: DoorPorts,
  sessions: SessionTable,
  options: StdioDoorOptions,
): Promise<void> {
  const { input, output, principal, endpoint } = options
  const session = sessions.begin(principal, endpoint, noFacts)
  const write = (text: string): void => {
    // A line break can only stand between tokens of JSON, so a space says the same.
    output.write(`${text.replace(/[\r\n]+/g, ' ')}\n`)
  }
  // Whoever ends the session, e.g. because its key was revoked, ends the connection.
  session.channel = { attached: true, send: write, end: () => input.destroy() }
  const stop = ports.subscribe(session, principal, write)
  const running = new Chain<{ readonly cancel: CancelSource; readonly done: Promise<void> }>()

  const take = async (line: Buffer, cancel: CancelSource): Promise<void> => {
    let text: string
    try {
      text = bodyText(line)
      if (running.size > options.concurrentMax)
        throw new GatewayError('busy', { detail: 'too many requests at once' })
    } catch (thrown) {
      write(ports.refusalText(toGatewayError(thrown)))
      return
    }
    const exchange: Exchange = {
      endpoint,
      headers: undefined,
      bytes: line.length,
      streams: true,
      session,
      nodes: undefined,
      begin: (start) => session.adopt(start),
      send: write,
      cancel,
    }
    await answer(await ports.serve(principal, exchange, text), write, cancel)
  }

  return new Promise((resolve) => {
    const splitter = new LineSplitter({
      lineBytesMax: options.messageBytesMax,
      onOverflow: 'cut',
      onLine: (line) => {
        if (line.length === 0) return
        const cancel = new CancelSource()
        const done = take(line, cancel).catch((fault: unknown) =>
          ports.log({ level: 'error', text: `stdio: ${String(fault)}` }),
        )
        const link = running.add({ cancel, done })
        void done.finally(() => running.remove(link))
      },
    })
    input.on('data', (chunk: Buffer) => splitter.push(chunk))
    let over = false
    const end = (): void => {
      if (over) return
      over = true
      stop()
      // Listens would wait for ever; calls are answered first.
      const calls = running.values().map(({ done }) => done)
      setTimeout(() => {
        for (const { cancel } of running.values()) cancel.cancel()
      }, 500).unref()
      void Promise.allSettled(calls).then(() => {
        sessions.end(session)
        resolve()
      })
    }
    input.once('end', end)
    input.once('error', end)
    input.once('close', end)
  })
}

async function answer(
  outcome: Outcome,
  write: (text: string) => void,
  cancel: CancelSource,
): Promise<void> {
  const send = async (out: Out): Promise<void> => write(await wholeText(out))
  if (outcome.kind === 'message') await send(outcome.message)
  else if (outcome.kind === 'batch') for (const message of outcome.messages) await send(message)
  else if (outcome.kind === 'held') await send(await outcome.ended)
  cancel.cancel()
}
