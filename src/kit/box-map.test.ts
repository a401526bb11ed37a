import fc from 'fast-check'
import { expect, it } from 'vitest'
import { BoxMap } from './box-map.ts'

it('is a map', () => {
  const key = fc.constantFrom('a', 'b', 'c', 'd')
  const act = fc.constantFrom('set', 'delete', 'get', 'clear')
  fc.assert(
    fc.property(fc.array(fc.tuple(act, key), { maxLength: 50 }), (steps) => {
      const boxes = new BoxMap<string, object>()
      const model = new Map<string, object>()
      for (const [what, at] of steps) {
        const value = {}
        if (what === 'set') {
          boxes.set(at, value)
          model.set(at, value)
        } else if (what === 'delete') expect(boxes.delete(at)).toBe(model.delete(at))
        else if (what === 'clear') {
          boxes.clear()
          model.clear()
        }
        expect(boxes.get(at)).toBe(model.get(at))
        expect(boxes.size).toBe(model.size)
        expect(boxes.values()).toEqual([...model.values()])
      }
    }),
  )
})
