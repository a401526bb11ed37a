import { describe, expect, it } from 'vitest'
import { type Arriving, brokenOff, Layer } from './arriving.ts'

/** A source of pieces that ends only when it is told, or when it is stopped. */
class Source implements Arriving {
  readonly stops: Error[] = []
  private readonly listeners: ((error: Error) => void)[] = []
  private readonly pieces: string[]

  constructor(...pieces: string[]) {
    this.pieces = pieces
  }

  stop(error: Error): void {
    this.stops.push(error)
    if (this.stops.length === 1) for (const listener of this.listeners) listener(error)
  }

  onStop(listener: (error: Error) => void): void {
    this.listeners.push(listener)
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Buffer> {
    for (const piece of this.pieces) {
      const [stopped] = this.stops
      if (stopped !== undefined) throw stopped
      yield Buffer.from(piece)
    }
  }
}

/** Two layers over a source, and how each was settled. */
function layered(...pieces: string[]): {
  source: Source
  outer: Layer
  settled: (string | undefined)[]
} {
  const source = new Source(...pieces)
  const settled: (string | undefined)[] = []
  const settle = (error: Error | undefined): void => void settled.push(error?.message)
  const inner = new Layer(source, (from) => from, settle)
  const upper = new Layer(
    inner,
    async function* shout(from) {
      for await (const piece of from) {
        if (piece.toString() === '!') throw new Error('unfit')
        yield Buffer.from(piece.toString().toUpperCase())
      }
    },
    settle,
  )
  return { source, outer: upper, settled }
}

async function read(arriving: Arriving): Promise<string> {
  let text = ''
  for await (const piece of arriving) text += piece.toString()
  return text
}

describe('layers settle once, and stop what they stand on', () => {
  it('read to the end', async () => {
    const { source, outer, settled } = layered('a', 'b')
    expect(await read(outer)).toBe('AB')
    expect(settled).toEqual([undefined, undefined])
    expect(source.stops).toEqual([])
    outer.stop(new Error('late'))
    expect(settled).toEqual([undefined, undefined])
  })

  it('never read, but stopped', () => {
    const { source, outer, settled } = layered('a')
    outer.stop(new Error('why'))
    expect(source.stops).toHaveLength(1)
    expect(settled).toEqual(['why', 'why'])
  })

  it('stopped before it is read: the reader gets the error', async () => {
    const { outer, settled } = layered('a')
    outer.stop(new Error('why'))
    await expect(read(outer)).rejects.toThrow('why')
    expect(settled).toEqual(['why', 'why'])
  })

  it('stopped while it is read, from below: the one who waits elsewhere is told at once', async () => {
    const { source, outer, settled } = layered('a', 'b')
    const told: string[] = []
    outer.onStop((error) => told.push(error.message))
    await expect(
      (async () => {
        for await (const _piece of outer) source.stop(new Error('why'))
      })(),
    ).rejects.toThrow('why')
    expect(told).toEqual(['why'])
    expect(settled).toEqual(['why', 'why'])
  })

  it('left by its reader', async () => {
    const { source, outer, settled } = layered('a', 'b')
    for await (const _piece of outer) break
    expect(settled).toEqual([brokenOff.message, brokenOff.message])
    expect(source.stops[0]).toBe(brokenOff)
  })

  it('left after a stop, it is the stop that counts', async () => {
    const { outer, settled } = layered('a', 'b')
    for await (const _piece of outer) {
      outer.stop(new Error('why'))
      break
    }
    expect(settled).toEqual(['why', 'why'])
  })

  it('broken by a layer', async () => {
    const { source, outer, settled } = layered('a', '!', 'b')
    await expect(read(outer)).rejects.toThrow('unfit')
    expect(source.stops[0]).toBe(brokenOff)
    expect(settled).toEqual([brokenOff.message, 'unfit'])
  })
})
