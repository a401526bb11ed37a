import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Chain, type Link } from './chain.ts'

it('is a list whose members can be taken out and moved wherever they stand', () => {
  const act = fc.constantFrom('add', 'remove', 'moveToEnd')
  fc.assert(
    fc.property(fc.array(fc.tuple(act, fc.nat({ max: 9 })), { maxLength: 60 }), (steps) => {
      const chain = new Chain<number>()
      const links: Link<number>[] = []
      let model: number[] = []
      for (const [what, at] of steps) {
        const link = links[at]
        const value = link?.value
        if (what === 'add') {
          model.push(links.length)
          links.push(chain.add(links.length))
        } else if (link !== undefined) {
          model = model.filter((one) => one !== value)
          if (what === 'remove') chain.remove(link)
          else {
            chain.moveToEnd(link)
            if (value !== undefined) model.push(value)
          }
        }
        expect(chain.values()).toEqual(model)
        expect(chain.size).toBe(model.length)
        expect(chain.oldest).toBe(model[0])
      }
    }),
    { numRuns: 500 },
  )
})

it('a link that was taken out holds nothing', () => {
  const chain = new Chain<object>()
  const [first, second, third] = [chain.add({}), chain.add({}), chain.add({})]
  chain.remove(second)
  chain.remove(second)
  expect(second).toEqual({ value: undefined, before: undefined, after: undefined })
  expect(first.after).toBe(third)
  expect(chain.size).toBe(2)
})
