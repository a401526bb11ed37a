/** Where the requests of all executors arrive: a server of loopback that hands each to the judge of its description. */
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import websocket from 'websocket'

export interface Received {
  readonly method: string
  /** Path and query as they came. */
  readonly url: string
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  /** A message of a WebSocket; its `url` is that of the connection. */
  readonly message?: true
}

/** Knows a description by its text alone. */
export interface StrictJudge {
  /** `ok`, or what is wrong: a few words, and after a colon what they are about. */
  judge(received: Received, operation: string): string | Promise<string>
  /** Where an argument travels, e.g. `query`; undefined: unknown, or in the body. */
  placeOf?(operation: string, argument: string): string | undefined
  /** Whether a caller of the operation sends a message over its connection. */
  speaks?(operation: string): boolean
  close?(): void
}

export interface Desk {
  /** Host and port. */
  readonly authority: string
  /** Carries a call out and says what the judge said of what arrived; undefined: nothing arrived. */
  verdict(
    judge: StrictJudge,
    operation: string,
    call: () => Promise<unknown>,
  ): Promise<string | undefined>
  close(): void
}

export async function openDesk(): Promise<Desk> {
  let current: { judge: StrictJudge; operation: string; said: string | undefined } | undefined
  const hear = async (received: Received): Promise<void> => {
    const now = current
    if (now === undefined || (now.said !== undefined && now.said !== 'ok')) return
    try {
      now.said = await now.judge.judge(received, now.operation)
    } catch (fault) {
      now.said = `cannot be judged: ${fault instanceof Error ? `${fault.name} ${fault.message}` : fault}`
    }
  }
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    await hear({ ...headOf(request), body: Buffer.concat(chunks) })
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  })
  const sockets = new websocket.server({ httpServer: server })
  sockets.on('request', (request) => {
    const head = { method: 'GET', url: request.resource, headers: {} }
    const connection = request.accept(request.requestedProtocols[0])
    // Which waits for a message is not ended before it has come; nobody waits for anything else.
    const opened = hear({ ...head, body: Buffer.alloc(0) })
    if (current?.judge.speaks?.(current.operation) !== true)
      void opened.then(() => connection.close())
    connection.on('message', async ({ utf8Data }) => {
      await opened
      await hear({ ...head, body: Buffer.from(utf8Data), message: true })
      connection.close()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    authority: `127.0.0.1:${address.port}`,
    async verdict(judge, operation, call) {
      const mine = { judge, operation, said: undefined }
      current = mine
      await call()
      const { said }: { said: string | undefined } = mine
      current = undefined
      return said
    },
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

function headOf(request: IncomingMessage): Omit<Received, 'body'> {
  const headers = Object.entries(request.headers).map(
    ([name, value]) => [name, String(value ?? '')] as const,
  )
  return {
    method: request.method ?? '',
    url: request.url ?? '',
    headers: Object.fromEntries(headers),
  }
}
