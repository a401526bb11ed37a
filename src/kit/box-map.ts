/**
 * A Map whose values come and go with every call. For the reason that `chain.ts` gives a plain Map would keep what was
 * deleted alive; here a deleted value leaves an empty box behind.
 */
interface Box<V> {
  value: V | undefined
}

/** Values are never undefined. In the order in which keys were first set. */
export class BoxMap<K extends string, V extends object> {
  private readonly boxes = new Map<K, Box<V>>()

  get size(): number {
    return this.boxes.size
  }

  get(key: K): V | undefined {
    return this.boxes.get(key)?.value
  }

  set(key: K, value: V): void {
    const box = this.boxes.get(key)
    if (box === undefined) this.boxes.set(key, { value })
    else box.value = value
  }

  delete(key: K): boolean {
    const box = this.boxes.get(key)
    if (box === undefined) return false
    box.value = undefined
    return this.boxes.delete(key)
  }

  /** Those that are there now, the first set first. */
  values(): V[] {
    return [...this.boxes.values()].flatMap(({ value }) => (value === undefined ? [] : [value]))
  }

  clear(): void {
    for (const box of this.boxes.values()) box.value = undefined
    this.boxes.clear()
  }
}
