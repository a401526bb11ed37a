import type { Socket } from 'node:net'

const everyMs = 20
/** What a row costs on the wire beside its JSON, and what is passed over for a later page. */
const overheadFactor = 4
const overheadBytes = 2_000_000
const skippedBytesMax = 200_000_000

export interface WireWatch {
  readonly exceeded: boolean
  stop(): void
}

/** Ends a connection on which more arrives than an answer can need: one value may have a gigabyte. */
export function watchWire(socket: Socket, bytesMax: number, skip: number): WireWatch {
  const most =
    socket.bytesRead + bytesMax * overheadFactor + overheadBytes + (skip > 0 ? skippedBytesMax : 0)
  let exceeded = false
  const timer = setInterval(() => {
    if (socket.bytesRead <= most) return
    exceeded = true
    socket.destroy()
  }, everyMs)
  timer.unref()
  return {
    get exceeded() {
      return exceeded
    },
    stop: () => clearInterval(timer),
  }
}
