/** A bounded map that drops what was used longest ago, by count and by weight. */
export class Lru<K, V> {
  private readonly entries = new Map<K, { value: V; weight: number }>()
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
    return this.entries.size
  }

  get(key: K): V | undefined {
    const entry = this.entries.get(key)
    if (entry === undefined) return undefined
    this.entries.delete(key)
    this.entries.set(key, entry)
    return entry.value
  }

  /** As `get`, without counting as a use. */
  peek(key: K): V | undefined {
    return this.entries.get(key)?.value
  }

  set(key: K, value: V, weight = 1): void {
    const old = this.entries.get(key)
    if (old !== undefined) {
      this.weight -= old.weight
      this.entries.delete(key)
    }
    this.entries.set(key, { value, weight })
    this.weight += weight
    for (const [oldest, entry] of this.entries) {
      if (this.entries.size <= this.countMax && this.weight <= this.weightMax) break
      this.entries.delete(oldest)
      this.weight -= entry.weight
      this.onDrop?.(entry.value, oldest)
    }
  }

  delete(key: K): boolean {
    const entry = this.entries.get(key)
    if (entry === undefined) return false
    this.weight -= entry.weight
    return this.entries.delete(key)
  }

  clear(): void {
    this.entries.clear()
    this.weight = 0
  }

  values(): IterableIterator<V> {
    return this.entries
      .values()
      .map((entry) => entry.value)
      [Symbol.iterator]()
  }
}
