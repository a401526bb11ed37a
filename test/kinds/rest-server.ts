/** A plain HTTP server for the tests of the REST kind. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { RestPlan } from '../../src/model/kinds/openapi.ts'

export interface Running {
  readonly origin: string
  readonly server: Server
  stop(): Promise<void>
}

export async function serve(
  answer: (request: IncomingMessage, response: ServerResponse, body: Buffer) => unknown,
): Promise<Running> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    try {
      for await (const chunk of request) chunks.push(chunk)
    } catch {
      return
    }
    answer(request, response, Buffer.concat(chunks))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    origin: `http://127.0.0.1:${port}`,
    server,
    stop: async () => {
      server.closeAllConnections()
      if (server.listening) {
        server.close()
        await once(server, 'close')
      }
    },
  }
}

export const plainPlan: RestPlan = {
  method: 'GET',
  baseUrl: '',
  path: '/',
  parameters: [],
  body: undefined,
  accept: 'application/json',
  security: [],
  answerXml: undefined,
  structured: false,
}
