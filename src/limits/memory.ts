/** What may be kept in memory for callers: a budget for each key, for each address that calls, and for all together. */
import { isIPv6 } from 'node:net'
import type { Account } from '../model/account.ts'
import { GatewayError } from '../model/refusal.ts'

/** Shares of the whole that one source and one principal may have. */
const sourceShare = 2
const principalShare = 4

export class MemoryLedger {
  private readonly bytesMax: () => number
  private readonly sources = new Map<string, number>()
  private readonly principals = new Map<string, number>()
  private bytes = 0

  /** `bytesMax` is asked each time, so that a changed configuration counts at once. */
  constructor(bytesMax: () => number) {
    this.bytesMax = bytesMax
  }

  get heldBytes(): number {
    return this.bytes
  }

  /** `principalId` undefined: nobody has said yet who calls. */
  account(principalId: string | undefined, address: string): Account {
    const source = sourceOf(address)
    const tryTake = (bytes: number): boolean => this.tryTake(principalId, source, bytes)
    return {
      tryTake,
      take: (bytes) => {
        if (!tryTake(bytes)) throw this.full(principalId, source, bytes)
      },
      give: (bytes) => {
        this.bytes -= bytes
        change(this.sources, source, -bytes)
        if (principalId !== undefined) change(this.principals, principalId, -bytes)
      },
    }
  }

  private tryTake(principalId: string | undefined, source: string, bytes: number): boolean {
    if (this.fullest(principalId, source, bytes) !== undefined) return false
    this.bytes += bytes
    change(this.sources, source, bytes)
    if (principalId !== undefined) change(this.principals, principalId, bytes)
    return true
  }

  /** The budget that has no room for so much more. */
  private fullest(
    principalId: string | undefined,
    source: string,
    bytes: number,
  ): { of: string; bytesMax: number } | undefined {
    const all = this.bytesMax()
    const principalMax = all / principalShare
    if (principalId !== undefined && (this.principals.get(principalId) ?? 0) + bytes > principalMax)
      return { of: 'one key', bytesMax: principalMax }
    const sourceMax = all / sourceShare
    if ((this.sources.get(source) ?? 0) + bytes > sourceMax)
      return { of: 'one address', bytesMax: sourceMax }
    return this.bytes + bytes > all ? { of: 'all callers', bytesMax: all } : undefined
  }

  private full(principalId: string | undefined, source: string, bytes: number): GatewayError {
    const { of, bytesMax } = this.fullest(principalId, source, bytes) ?? { of: '', bytesMax: 0 }
    return new GatewayError('memory_limited', {
      detail: `${of}: ${bytes} bytes more than ${bytesMax}`,
      hint: `The limit of ${of} is ${Math.floor(bytesMax / 1_000)} KB.`,
    })
  }
}

function change(tallies: Map<string, number>, name: string, bytes: number): void {
  const next = (tallies.get(name) ?? 0) + bytes
  if (next === 0) tallies.delete(name)
  else tallies.set(name, next)
}

/** Who has one address of IPv6 has its network of 64 bits, and may call from each address in it. */
function sourceOf(address: string): string {
  if (!isIPv6(address) || address.startsWith('::ffff:')) return address
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const gap = tail === undefined ? 0 : 8 - before.length - after.length
  return [...before, ...Array<string>(Math.max(gap, 0)).fill('0'), ...after].slice(0, 4).join(':')
}
