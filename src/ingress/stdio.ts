/** The stdio door: one client on stdin and stdout, one message a line (MCP basic/transports/stdio). */
import type { Readable, Writable } from 'node:stream'
import { CancelSource } from '../kit/cancellation.ts'
import { Chain } from '../kit/chain.ts'
import { LineSplitter } from '../kit/line-splitter.ts'
import type { Endpoint } from '../model/action.ts'
import type { Principal } from '../model/principal.ts'
import { GatewayError, toGatewayError } from '../model/refusal.ts'
import type { Exchange } from '../model/session.ts'
import { bodyText, weightOf } from './body.ts'
import { noFacts } from './implicit-session.ts'
import { Pending } from './pending.ts'
import type { SessionTable } from './sessions.ts'
import type { DoorPorts, Out, Outcome } from './settings.ts'
import { wholeText } from './write-answer.ts'

export interface StdioDoorOptions {
  readonly input: Readable
  readonly output: Writable
  readonly principal: Principal
  readonly endpoint: Endpoint
  readonly messageBytesMax: number
  readonly concurrentMax: number
}

interface Running {
  readonly cancel: CancelSource
  /** It listens. */
  isHeld: boolean
  done: Promise<void> | undefined
}

/** What a question is answered with when the client can answer no more. */
const gone = '{"code":-32603,"message":"The client has closed its input."}'

/** Serves until the input ends and every running request is answered. */
export function serveStdio(
  ports: DoorPorts,
  sessions: SessionTable,
  options: StdioDoorOptions,
): Promise<void> {
  const { input, output, principal, endpoint } = options
  const account = ports.account(principal.id, 'stdio')
  const session = sessions.begin(principal, endpoint, account, noFacts)
  const pending = new Pending(output, account)
  const write = (text: string): void => {
    // A line break can only stand between tokens of JSON, so a space says the same.
    output.write(`${text.replace(/[\r\n]+/g, ' ')}\n`)
    if (!pending.fits()) input.destroy()
  }
  // Whoever ends the session, e.g. because its key was revoked, ends the connection.
  session.channel = { attached: true, send: write, end: () => input.destroy() }
  const stop = ports.subscribe(session, principal, write)
  const running = new Chain<Running>()
  let over = false
  let leave = (): void => undefined
  /** Nobody answers questions any more. */
  const dismiss = (): void => {
    for (const settle of session.asked.values()) settle({ kind: 'error', raw: gone })
  }

  const take = async (line: Buffer, request: Running): Promise<void> => {
    try {
      if (running.size > options.concurrentMax)
        throw new GatewayError('busy', { detail: 'too many requests at once' })
      account.take(weightOf(line.length))
    } catch (thrown) {
      write(ports.refusalText(toGatewayError(thrown)))
      return
    }
    try {
      await serve(line, request)
    } finally {
      account.give(weightOf(line.length))
    }
  }

  const serve = async (line: Buffer, request: Running): Promise<void> => {
    const { cancel } = request
    let text: string
    try {
      text = bodyText(line)
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
      send: (message) => {
        write(message)
        // It may be a question.
        if (over) queueMicrotask(dismiss)
      },
      cancel,
      account,
    }
    const outcome = await ports.serve(principal, exchange, text)
    request.isHeld = outcome.kind === 'held'
    // A listen would wait for ever.
    if (over && request.isHeld) cancel.cancel()
    await answer(outcome, write, cancel)
  }

  return new Promise((resolve) => {
    const splitter = new LineSplitter({
      lineBytesMax: options.messageBytesMax,
      onOverflow: 'cut',
      onLine: (line) => {
        if (line.length === 0) return
        const request: Running = { cancel: new CancelSource(), isHeld: false, done: undefined }
        const link = running.add(request)
        request.done = take(line, request)
          .catch((fault: unknown) => ports.log({ level: 'error', text: `stdio: ${String(fault)}` }))
          .finally(() => running.remove(link))
      },
    })
    input.on('data', (chunk: Buffer) => splitter.push(chunk))
    /** What was taken is answered before the end; what only listens ends. */
    const end = (): void => {
      if (over) return
      over = true
      splitter.flush()
      stop()
      for (const { isHeld, cancel } of running.values()) if (isHeld) cancel.cancel()
      dismiss()
      void Promise.allSettled(running.values().map(({ done }) => done))
        .then(() => written(output))
        .then(() => {
          // Ends the connection.
          sessions.end(session)
          leave()
          resolve()
        })
    }
    const cancelAll = (): void => {
      for (const { cancel } of running.values()) cancel.cancel()
    }
    /** Nobody reads what would be answered. */
    const lost = (): void => {
      cancelAll()
      end()
    }
    leave = ports.join({
      settle() {
        for (const { isHeld, cancel } of running.values()) if (isHeld) cancel.cancel()
        if (running.size === 0) end()
      },
      busy: () => running.size > 0 || (output.writableLength > 0 && !output.destroyed),
      cancel: cancelAll,
    })
    input.once('end', end)
    input.once('error', lost)
    input.once('close', () => (input.readableEnded && !output.destroyed ? end() : lost()))
    output.on('error', lost)
    output.once('close', lost)
  })
}

/** Resolves when what was written has left, or never will. */
function written(output: Writable): Promise<void> {
  if (output.writableLength === 0 || output.destroyed) return Promise.resolve()
  return new Promise((resolve) => {
    output.write('', () => resolve())
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
