import { Chain, type Link } from './chain.ts'

interface Entry<K, V> {
  readonly key: K
  value: V
  weight: number
}

/** A bounded map that drops what was used longest ago, by count and by weight. */
export class Lru<K, V> {
  private readonly links = new Map<K, Link<Entry<K, V>>>()
  /** In the order of use. */
  private readonly uses = new Chain<Entry<K, V>>()
  private readonly countMax: number
  private readonly weightMax: number
  private readonly onDrop: ((value: V, key: K) => void) | undefined
  private weight = 0

  /** `weightMax` has the unit of the weights given to `set`, e.g. bytes. */
  constructor(options: {
    countMax: number
    weightMax?: number
    onDrop?: (value: V, key: K) => void
  }) {
    this.countMax = options.countMax
    this.weightMax = options.weightMax ?? Number.POSITIVE_INFINITY
    this.onDrop = options.onDrop
  }

  get size(): number {
    return this.links.size
  }

  get(key: K): V | undefined {
    const link = this.links.get(key)
    if (link === undefined) return undefined
    this.uses.moveToEnd(link)
    return link.value?.value
  }

  /** As `get`, without counting as a use. */
  peek(key: K): V | undefined {
    return this.links.get(key)?.value?.value
  }

  set(key: K, value: V, weight = 1): void {
    const link = this.links.get(key)
    const entry = link?.value
    if (link === undefined || entry === undefined)
      this.links.set(key, this.uses.add({ key, value, weight }))
    else {
      this.weight -= entry.weight
      entry.value = value
      entry.weight = weight
      this.uses.moveToEnd(link)
    }
    this.weight += weight
    while (this.size > this.countMax || this.weight > this.weightMax) {
      const oldest = this.uses.oldest
      if (oldest === undefined) break
      this.delete(oldest.key)
      this.onDrop?.(oldest.value, oldest.key)
    }
  }

  delete(key: K): boolean {
    const link = this.links.get(key)
    if (link === undefined) return false
    this.weight -= link.value?.weight ?? 0
    this.uses.remove(link)
    return this.links.delete(key)
  }

  clear(): void {
    this.links.clear()
    this.uses.clear()
    this.weight = 0
  }

  entries(): [K, V][] {
    return this.uses.values().map(({ key, value }) => [key, value])
  }

  /** Least used first. */
  values(): V[] {
    return this.uses.values().map((entry) => entry.value)
  }
}
