/** The administration for a command that runs while no gateway does: the same routes, without a socket. */
import type { FastifyInstance } from 'fastify'
import type { AdminClient } from './contract/client.ts'
import { errorOf, linesOf } from './contract/client.ts'

/** `release` closes what the routes hold; it runs with `close`. `interrupted` ends what is waited for. */
export function inProcessAdmin(
  app: FastifyInstance,
  interrupted: AbortSignal,
  release: () => Promise<void>,
): AdminClient {
  // As if the connection of a socket closed: a signal of the request is heeded only until its body was read.
  app.addHook('onRequest', async (_request, reply) => {
    interrupted.addEventListener('abort', () => reply.raw.destroy(), { once: true })
  })
  return {
    async request(method, path, body) {
      interrupted.throwIfAborted()
      const payload = body === undefined ? {} : { payload: JSON.stringify(body) }
      const headers = body === undefined ? {} : { 'content-type': 'application/json' }
      const answer = await app.inject({
        method,
        url: path,
        headers,
        ...payload,
      })
      return { status: answer.statusCode, body: answer.payload }
    },
    async *lines(path, signal) {
      try {
        const answer = await app.inject({ method: 'GET', url: path, payloadAsStream: true, signal })
        if (answer.statusCode >= 400) {
          let body = ''
          for await (const chunk of answer.stream()) body += String(chunk)
          throw errorOf({ status: answer.statusCode, body })
        }
        yield* linesOf(answer.stream())
      } catch (error) {
        // Whoever follows ends it so.
        if (!signal.aborted) throw error
      }
    },
    async close() {
      await app.close()
      await release()
    },
  }
}
