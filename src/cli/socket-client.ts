/** Speaks to the running gateway through its owner-only socket. */
import { type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { type AdminClient, errorOf, linesOf } from '../admin/contract/client.ts'
import { AdminError } from '../admin/contract/errors.ts'
import { assertPrivate, socketPlace } from '../admin/contract/socket.ts'

/** A client of the gateway that runs on a data folder; undefined when none does. The signal ends what it waits for. */
export async function connectRunning(
  dataDir: string,
  signal: AbortSignal,
): Promise<AdminClient | undefined> {
  const { path, folder } = await socketPlace(dataDir)
  if (!(await answers(path))) return undefined
  if (folder !== undefined) await assertPrivate(folder)
  return {
    async request(method, route, body) {
      const answer = await exchange({ path, method, route, signal }, body)
      let text = ''
      answer.setEncoding('utf8')
      for await (const chunk of answer) text += String(chunk)
      return { status: answer.statusCode ?? 500, body: text }
    },
    async *lines(route, stop) {
      const answer = await exchange({ path, method: 'GET', route, signal: stop })
      try {
        if ((answer.statusCode ?? 500) >= 400) {
          let body = ''
          for await (const chunk of answer) body += String(chunk)
          throw errorOf({ status: answer.statusCode ?? 500, body })
        }
        yield* linesOf(answer)
      } catch (error) {
        if (!stop.aborted) throw error
      } finally {
        answer.destroy()
      }
    },
    close: async () => undefined,
  }
}

/** @throws AdminError when there is a socket that this user may not use */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EACCES' && error.code !== 'EPERM') return resolve(false)
      const wayOut = 'Run the command as the user who runs the gateway.'
      reject(
        new AdminError('not_owner', `The gateway at ${path} belongs to another user.`, wayOut, {
          cause: error,
        }),
      )
    })
  })
}

interface Exchange {
  readonly path: string
  readonly method: string
  readonly route: string
  readonly signal: AbortSignal
}

function exchange(
  { path, method, route, signal }: Exchange,
  body?: unknown,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? undefined : JSON.stringify(body)
    const headers = text === undefined ? {} : { 'content-type': 'application/json' }
    const sent = request({
      socketPath: path,
      method,
      path: route,
      headers,
      agent: false,
      signal,
    })
    sent.once('response', resolve)
    sent.once('error', (cause) =>
      reject(
        signal.aborted
          ? cause
          : new AdminError(
              'unreachable',
              'The gateway did not answer.',
              'See its log; "sallyport up" starts it again.',
              { cause },
            ),
      ),
    )
    sent.end(text)
  })
}
