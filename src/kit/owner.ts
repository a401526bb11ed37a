/**
 * Who answers for what is thrown where nobody can catch it: in a callback of a driver, a stream, a timer or a child
 * process. Node hands such a thing to the process, which would end, with everybody's calls. So whoever starts something
 * that calls back says who owns it; everything that it sets off, however late, belongs to the same owner.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { EventEmitter } from 'node:events'
import { type Server, Socket } from 'node:net'

export interface Owner {
  /** For the log. */
  readonly what: string
  /** Ends what is broken, and tells who waits for it. Never throws. */
  fail(thrown: unknown): void
}

const owners = new AsyncLocalStorage<Owner | undefined>()

/** Runs `work`; it, and all that it sets off, belongs to `owner`, but for what is given another one inside. */
export function owned<T>(owner: Owner, work: () => T): T {
  return owners.run(owner, work)
}

/** Runs what serves everybody, though it was begun by something that has an owner. */
export function unowned<T>(work: () => T): T {
  return owners.run(undefined, work)
}

/** What is thrown in an event of a connection to an HTTP server, of its requests or of its answers ends that connection. */
export function ownConnections(server: Server, what: string): void {
  const emit = (event: string | symbol, ...args: unknown[]): boolean =>
    EventEmitter.prototype.emit.call(server, event, ...args)
  server.emit = (event: string | symbol, ...args: unknown[]) => {
    const [socket] = args
    if (event !== 'connection' || !(socket instanceof Socket)) return emit(event, ...args)
    return owned({ what, fail: () => socket.destroy() }, () => emit(event, ...args))
  }
}

/** Sees to it that owners are told. `report` gets everything; without an owner the state of the process is unknown. */
export function catchStrays(report: (thrown: unknown, owner: Owner | undefined) => void): void {
  process.on('uncaughtException', (thrown) => {
    const owner = owners.getStore()
    report(thrown, owner)
    owner?.fail(thrown)
  })
}
