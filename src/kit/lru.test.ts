import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Lru } from './lru.ts'

/** The same by the book: an array in the order of use. */
class Model {
  entries: { key: number; value: number; weight: number }[] = []
  readonly dropped: number[] = []

  get(key: number): number | undefined {
    const entry = this.take(key)
    if (entry !== undefined) this.entries.push(entry)
    return entry?.value
  }

  take(key: number): (typeof this.entries)[number] | undefined {
    const at = this.entries.findIndex((entry) => entry.key === key)
    return at === -1 ? undefined : this.entries.splice(at, 1)[0]
  }

  set(key: number, value: number, weight: number): void {
    this.take(key)
    this.entries.push({ key, value, weight })
    const sum = (): number => this.entries.reduce((all, entry) => all + entry.weight, 0)
    while (this.entries.length > 4 || sum() > 10) this.dropped.push(this.entries.shift()?.key ?? -1)
  }
}

it('keeps and drops what a list in the order of use would', () => {
  const key = fc.integer({ min: 0, max: 6 })
  const step = fc.oneof(
    fc.record({ act: fc.constant('set' as const), key, weight: fc.integer({ min: 0, max: 12 }) }),
    fc.record({ act: fc.constantFrom('get' as const, 'peek' as const, 'delete' as const), key }),
    fc.record({ act: fc.constant('clear' as const) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const dropped: number[] = []
      const lru = new Lru<number, number>({
        countMax: 4,
        weightMax: 10,
        onDrop: (_value, dropKey) => dropped.push(dropKey),
      })
      const model = new Model()
      for (const [at, one] of steps.entries()) {
        if (one.act === 'set') {
          lru.set(one.key, at, one.weight)
          model.set(one.key, at, one.weight)
        } else if (one.act === 'get') expect(lru.get(one.key)).toBe(model.get(one.key))
        else if (one.act === 'peek')
          expect(lru.peek(one.key)).toBe(model.entries.find((e) => e.key === one.key)?.value)
        else if (one.act === 'delete')
          expect(lru.delete(one.key)).toBe(model.take(one.key) !== undefined)
        else {
          lru.clear()
          model.entries = []
        }
        expect(lru.values()).toEqual(model.entries.map((entry) => entry.value))
        expect(lru.size).toBe(model.entries.length)
        expect(dropped).toEqual(model.dropped)
      }
    }),
    { numRuns: 500 },
  )
})
