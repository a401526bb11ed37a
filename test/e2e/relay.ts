// A way to a database that tests close, mute or break, while the database itself goes on.
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'

export interface Relay {
  /** The address of the database by this way. */
  url(password?: string): string
  /** `closed`: connections end and nobody listens; `mute`: nothing passes, and nothing ends. */
  set(mode: 'open' | 'closed' | 'mute'): Promise<void>
  /** Breaks the connection on which a client next sends these texts one after the other, once the database has them. */
  breakAt(...texts: readonly string[]): void
  stop(): Promise<void>
}

/** Nobody sends this. */
const never = '\0never'

/** To the unix socket that a URL of a cluster names. */
export async function startRelay(databaseUrl: string): Promise<Relay> {
  const { searchParams, username, pathname } = new URL(databaseUrl)
  const path = join(
    searchParams.get('host') ?? '',
    `.s.PGSQL.${searchParams.get('port') ?? '5432'}`,
  )
  const open = new Set<Socket>()
  let isMute = false
  let texts: readonly string[] = []
  const keep = (socket: Socket): Socket => {
    open.add(socket)
    socket.on('close', () => open.delete(socket)).on('error', () => undefined)
    return socket
  }
  const serve = (client: Socket): void => {
    keep(client)
    if (isMute) return
    const database = keep(connect(path))
    let seen = 0
    client.on('data', (chunk) => {
      if (isMute) return
      database.write(chunk)
      if (!chunk.includes(texts[seen] ?? never) || ++seen < texts.length) return
      texts = []
      // Its answer does not come back.
      client.destroy()
    })
    database.on('data', (chunk) => {
      if (!isMute && !client.destroyed) client.write(chunk)
    })
    client.on('close', () => database.end())
    database.on('close', () => client.destroy())
  }
  let server: Server | undefined
  let port = 0
  const listen = async (): Promise<void> => {
    server = createServer(serve).listen(port, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    port = typeof address === 'object' && address !== null ? address.port : port
  }
  const close = async (): Promise<void> => {
    const closing = server
    server = undefined
    for (const socket of open) socket.destroy()
    if (closing !== undefined) await new Promise((resolve) => closing.close(resolve))
  }
  await listen()
  return {
    url: (password) =>
      `postgres://${username}${password === undefined ? '' : `:${password}`}@127.0.0.1:${port}${pathname}`,
    async set(mode) {
      isMute = mode === 'mute'
      // What was muted cannot go on in the middle.
      if (mode !== 'mute') await close()
      if (mode === 'open') await listen()
    },
    breakAt(...next) {
      texts = next
    },
    stop: close,
  }
}
