import { GatewayError } from '../../../model/refusal.ts'

export interface PoolOptions<Connection> {
  readonly open: (signal: AbortSignal) => Promise<Connection>
  readonly close: (connection: Connection) => void
  /** False for a connection that broke while it lay here. */
  readonly usable: (connection: Connection) => boolean
  readonly connectionsMax: number
  readonly idleMs: number
  readonly waitersMax: number
}

interface Idle<Connection> {
  readonly connection: Connection
  readonly timer: NodeJS.Timeout
}

function closedFault(): GatewayError {
  return new GatewayError('server_unavailable', { detail: 'its connections are being closed' })
}

/** A few connections to one database: bounded, closed when nobody needs them, never lent twice unless given back clean. */
export class Pool<Connection> {
  private readonly options: PoolOptions<Connection>
  private readonly idle: Idle<Connection>[] = []
  private readonly lent = new Set<Connection>()
  private readonly waiters: (() => void)[] = []
  private readonly stopped = new AbortController()
  private open = 0

  constructor(options: PoolOptions<Connection>) {
    this.options = options
  }

  /** @throws GatewayError server_busy, server_*, cancelled, shutting_down */
  async take(signal: AbortSignal): Promise<Connection> {
    for (;;) {
      this.stopped.signal.throwIfAborted()
      if (signal.aborted) throw new GatewayError('cancelled')
      for (let found = this.idle.pop(); found !== undefined; found = this.idle.pop()) {
        clearTimeout(found.timer)
        if (this.options.usable(found.connection)) {
          this.lent.add(found.connection)
          return found.connection
        }
        this.discard(found.connection)
      }
      if (this.open < this.options.connectionsMax) return this.openOne(signal)
      await this.turn(signal)
    }
  }

  private async openOne(signal: AbortSignal): Promise<Connection> {
    this.open++
    // Nobody waits for a driver that does not settle when its connection is given up.
    const gone = Promise.withResolvers<never>()
    gone.promise.catch(() => undefined)
    const cancelled = (): void => gone.reject(new GatewayError('cancelled'))
    const stopped = (): void => gone.reject(closedFault())
    signal.addEventListener('abort', cancelled)
    this.stopped.signal.addEventListener('abort', stopped)
    const opening = this.options.open(AbortSignal.any([signal, this.stopped.signal]))
    try {
      const connection = await Promise.race([opening, gone.promise])
      if (this.stopped.signal.aborted) throw closedFault()
      this.lent.add(connection)
      return connection
    } catch (thrown) {
      opening.then(
        (late) => this.options.close(late),
        () => undefined,
      )
      this.open--
      this.waiters.shift()?.()
      throw thrown
    } finally {
      signal.removeEventListener('abort', cancelled)
      this.stopped.signal.removeEventListener('abort', stopped)
    }
  }

  private turn(signal: AbortSignal): Promise<void> {
    if (this.waiters.length >= this.options.waitersMax)
      throw new GatewayError('server_busy', { detail: 'too many statements wait for a connection' })
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const leave = (error: GatewayError): void => {
      const at = this.waiters.indexOf(resolve)
      if (at >= 0) this.waiters.splice(at, 1)
      reject(error)
    }
    const cancelled = (): void => leave(new GatewayError('cancelled'))
    const stopped = (): void => leave(closedFault())
    this.waiters.push(resolve)
    signal.addEventListener('abort', cancelled)
    this.stopped.signal.addEventListener('abort', stopped)
    return promise.finally(() => {
      signal.removeEventListener('abort', cancelled)
      this.stopped.signal.removeEventListener('abort', stopped)
    })
  }

  /** `clean`: the next one may have it. */
  give(connection: Connection, clean: boolean): void {
    this.lent.delete(connection)
    if (!clean || this.stopped.signal.aborted || !this.options.usable(connection)) {
      this.discard(connection)
    } else {
      const timer = setTimeout(() => {
        const at = this.idle.findIndex((one) => one.connection === connection)
        if (at < 0) return
        this.idle.splice(at, 1)
        this.discard(connection)
      }, this.options.idleMs)
      timer.unref()
      this.idle.push({ connection, timer })
      this.waiters.shift()?.()
    }
  }

  private discard(connection: Connection): void {
    this.open--
    this.options.close(connection)
    this.waiters.shift()?.()
  }

  /** How many connections there are, used or not. */
  get size(): number {
    return this.open
  }

  /** Aborts when the pool closes. */
  get closed(): AbortSignal {
    return this.stopped.signal
  }

  close(): void {
    if (this.stopped.signal.aborted) return
    this.stopped.abort(closedFault())
    for (const { connection, timer } of this.idle.splice(0)) {
      clearTimeout(timer)
      this.options.close(connection)
    }
    for (const connection of this.lent) this.options.close(connection)
  }
}
