/** This node among the nodes of one gateway: says that it lives, and knows who else does. The view is in memory. */
import { randomBytes } from 'node:crypto'
import { networkInterfaces } from 'node:os'
import type { Logger } from 'pino'
import type { Peers } from '../ingress/settings.ts'
import { atMost } from '../kit/at-most.ts'
import type { KeyRing } from '../kit/key-ring.ts'
import type { NodeRow, Store } from '../store/store.ts'

const beatMs = 2_000
const deadAfterMs = 10_000
const leaveWaitMs = 2_000
const toldMax = 256

/** Purposes of the key ring. */
const rowPurpose = 'node-row'
const passPurpose = 'node-pass'

/** What of the store is needed here. */
export type NodeTable = Pick<Store, 'beat' | 'leave' | 'watchNodes'>

export interface NodesOptions {
  readonly node: string
  readonly ring: KeyRing
  readonly log: Logger
  readonly now: () => number
  /** Told when another node came, went or moved. */
  readonly onChange: () => void
}

interface Other {
  readonly address: string
  readonly leaving: boolean
}

export class Nodes implements Peers {
  private readonly options: NodesOptions
  private readonly boot = randomBytes(8).toString('hex')
  private others: ReadonlyMap<string, Other> = new Map()
  private readonly told = new Set<string>()
  private store: NodeTable | undefined
  private address = ''
  private stopHearing = (): void => undefined
  private timer: NodeJS.Timeout | undefined
  private beating: Promise<void> | undefined
  private isFirst = true
  private leaving = false
  private beatenAt: number | undefined
  /** Until then a node that seems dead may only not have been able to say that it lives. */
  private doubtUntil = 0

  constructor(options: NodesOptions) {
    this.options = options
  }

  addressOf(node: string): string | undefined {
    return this.others.get(node)?.address
  }

  takesNew(node: string): boolean {
    return this.others.get(node)?.leaving === false
  }

  livesAt(node: string, address: string): boolean {
    return this.others.get(node)?.address === address
  }

  seal(to: string): string {
    const { ring, node, now } = this.options
    return ring.seal(passPurpose, JSON.stringify({ from: node, to, at: now() }))
  }

  /** However old it is: it grants nothing, and a limit would let a request circle between nodes whose clocks differ. */
  arrived(sealed: string): boolean {
    const { ring, node } = this.options
    const text = ring.open(passPurpose, sealed)
    if (text === undefined) return false
    const { from, to }: { from: string; to: string } = JSON.parse(text)
    if (to !== node)
      this.tell(
        `to ${to}`,
        `${from} reaches this node at the address of ${to}. Set listen.advertise to an address that leads to one node only.`,
      )
    return true
  }

  /** Takes part from now on; resolves after the first beat, also when the database did not answer. */
  async join(store: NodeTable, address: string): Promise<void> {
    this.store = store
    this.address = address
    this.stopHearing = store.watchNodes(() => void this.beat())
    await this.beat()
    this.timer = setInterval(() => void this.beat(), beatMs)
    this.timer.unref()
  }

  /** Tells the others to send nothing new, before this node ends what runs. */
  async retire(): Promise<void> {
    this.leaving = true
    await atMost(
      leaveWaitMs,
      Promise.resolve(this.beating).then(() => this.beat()),
    )
  }

  /** Says goodbye. */
  async leave(): Promise<void> {
    const { store } = this
    if (store === undefined) return
    this.store = undefined
    clearInterval(this.timer)
    this.stopHearing()
    const left = Promise.resolve(this.beating).then(() => store.leave(this.options.node, this.boot))
    await atMost(
      leaveWaitMs,
      left.catch(() => undefined),
    )
  }

  private beat(): Promise<void> {
    this.beating ??= this.sayAndSee().finally(() => {
      this.beating = undefined
    })
    return this.beating
  }

  private async sayAndSee(): Promise<void> {
    const { store, boot, address, leaving, isFirst: first } = this
    const { node, ring, log, now } = this.options
    if (store === undefined) return
    try {
      const seal = ring.seal(rowPurpose, sealedText({ node, boot, address }))
      const seen = await store.beat({ node, boot, address, seal, leaving, first, deadAfterMs })
      this.isFirst = false
      // After a silence of the database the others may look dead, who only could not reach it either.
      const at = now()
      if (at - (this.beatenAt ?? at) > deadAfterMs / 2) this.doubtUntil = at + deadAfterMs
      this.beatenAt = at
      if (!seen.accepted)
        this.tell(
          'copy',
          `Another gateway runs as ${node}: its data folder is a copy of this one. Stop one of the two, remove the file "node" in its data folder, and start it again.`,
        )
      this.take(seen.nodes)
    } catch (fault) {
      log.debug({ err: fault }, 'the other nodes could not be asked for')
    }
  }

  private take(rows: readonly NodeRow[]): void {
    const { node, ring, now, onChange } = this.options
    const next = new Map(now() < this.doubtUntil ? this.others : [])
    for (const row of rows) {
      if (row.node === node) continue
      if (ring.open(rowPurpose, row.seal) === sealedText(row))
        next.set(row.node, { address: row.address, leaving: row.leaving })
      else {
        next.delete(row.node)
        this.tell(
          `ring ${row.node}`,
          `${row.node} has another key ring, so its sessions cannot be reached from here. Give all nodes the same SALLYPORT_KEYS.`,
        )
      }
    }
    const same =
      next.size === this.others.size &&
      [...next].every(([name, { address, leaving }]) => {
        const before = this.others.get(name)
        return before?.address === address && before.leaving === leaving
      })
    this.others = next
    if (!same) onChange()
  }

  /** Warns once of each thing. */
  private tell(what: string, text: string): void {
    if (this.told.has(what) || this.told.size >= toldMax) return
    this.told.add(what)
    this.options.log.warn(text)
  }
}

function sealedText({ node, boot, address }: Omit<NodeRow, 'seal' | 'leaving'>): string {
  return JSON.stringify([node, boot, address])
}

/** Where others reach what listens on `host`: a wildcard is replaced by the first address of this machine that is not loopback. */
export function reachableAddress(host: string, port: number): string {
  const family = host === '0.0.0.0' ? 'IPv4' : undefined
  const wildcard = host === '0.0.0.0' || host === '::'
  const outer = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(
      (address) =>
        !address.internal &&
        !address.address.startsWith('fe80:') &&
        (family === undefined || address.family === family),
    )
  const name = wildcard ? (outer?.address ?? '127.0.0.1') : host
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`
}
