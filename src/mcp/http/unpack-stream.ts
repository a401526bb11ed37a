import type { Transform } from 'node:stream'
import { errorOf } from '../../kit/thrown.ts'
import { codingsOf, layersOf } from '../../upstream/unpack.ts'

/** What comes out of packed bytes. */
export interface Unpacked {
  readonly onData: (chunk: Buffer) => void
  readonly onEnd: () => void
  readonly onFault: (fault: Error) => void
}

/** How fast the packed bytes come. */
export interface Source {
  readonly pause: () => void
  readonly resume: () => void
}

/**
 * Undoes the content codings of an answer while it arrives, event by event where the server flushes them. Whoever takes
 * what comes out bounds it; nothing more is unpacked while it is paused.
 */
export class UnpackStream {
  private readonly codings: readonly string[]
  private readonly source: Source
  private readonly unpacked: Unpacked
  private layers: readonly Transform[] = []

  /** @throws GatewayError server_broken for a coding that is not known */
  constructor(header: string, source: Source, unpacked: Unpacked) {
    this.codings = codingsOf(header)
    this.source = source
    this.unpacked = unpacked
  }

  /** Nothing is packed. */
  get isIdentity(): boolean {
    return this.codings.length === 0
  }

  push(chunk: Buffer): void {
    const [outer] = this.layers.length === 0 ? this.open(chunk[0]) : this.layers
    if (outer === undefined || outer.destroyed || outer.write(chunk)) return
    this.source.pause()
    outer.once('drain', () => this.source.resume())
  }

  private open(first: number | undefined): readonly Transform[] {
    const layers = layersOf(this.codings, first)
    this.layers = layers
    for (const [index, layer] of layers.entries()) {
      layer.on('error', (fault) => this.fail(fault))
      const next = layers[index + 1]
      if (next !== undefined) layer.pipe(next)
    }
    const inner = layers.at(-1)
    inner?.on('data', (chunk: Buffer) => {
      try {
        this.unpacked.onData(chunk)
      } catch (fault) {
        this.fail(errorOf(fault))
      }
    })
    inner?.once('end', this.unpacked.onEnd)
    return layers
  }

  private fail(fault: Error): void {
    this.destroy()
    this.unpacked.onFault(fault)
  }

  /** All packed bytes are there. */
  end(): void {
    const [outer] = this.layers
    if (outer === undefined) this.unpacked.onEnd()
    else outer.end()
  }

  pause(): void {
    this.layers.at(-1)?.pause()
  }

  resume(): void {
    this.layers.at(-1)?.resume()
  }

  destroy(): void {
    for (const layer of this.layers) layer.destroy()
  }
}
