import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { publicNames, shownAs, splitUri, uriPrefix } from './names.ts'

const server = fc.stringMatching(/^[a-z][a-z0-9-]{0,23}$/)
const ownName = fc.oneof(
  fc.string({ minLength: 1, maxLength: 90 }),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
  fc.constantFrom('a.b', 'a b', 'a_b', 'a/b', 'a__b', '__proto__', 'constructor'),
)
const items = fc.uniqueArray(fc.record({ server, name: ownName }), {
  selector: ({ server: of, name }) => `${of}/${name}`,
  maxLength: 40,
})

/** The public name of one item beside others. */
const publicName = (of: string, name: string, ...beside: string[]): string => {
  const item = { server: of, name }
  const others = beside.map((other) => ({ server: of, name: other }))
  return shownTo([item, ...others]).get(item) ?? ''
}

/** The names that one sees who sees `seen`. */
function shownTo<T extends { readonly server: string; readonly name: string }>(
  list: readonly T[],
  seen: readonly T[] = list,
): Map<T, string> {
  const names = publicNames(list)
  return new Map(
    [...names].map(([item, name]) => [item, shownAs(name, (twin) => seen.includes(twin))]),
  )
}

describe('public names', () => {
  test('are valid, unique, and the same whatever the order', () => {
    fc.assert(
      fc.property(items, fc.nat(), (list, turn) => {
        const names = shownTo(list)
        expect(names.size).toBe(list.length)
        for (const name of names.values()) expect(name).toMatch(/^[A-Za-z0-9_-]{1,64}$/)
        expect(new Set(names.values()).size).toBe(list.length)
        const at = list.length === 0 ? 0 : turn % list.length
        const turned = [...list.slice(at), ...list.slice(0, at)].reverse()
        expect(shownTo(turned)).toEqual(names)
      }),
    )
  })

  test('of names that would be one both get a hash; others keep theirs', () => {
    const [dot, blank, other] = ['a.b', 'a b', 'c'].map((name) => ({ server: 's', name }))
    if (dot === undefined || blank === undefined || other === undefined)
      throw new Error('three items')
    const names = shownTo([dot, blank, other])
    expect(names.get(other)).toBe('s__c')
    expect(names.get(dot)).toMatch(/^s__a_b_[0-9a-f]{8}$/)
    expect(names.get(blank)).toMatch(/^s__a_b_[0-9a-f]{8}$/)
    expect(shownTo([dot]).get(dot)).toBe('s__a_b')
  })

  test('tell nothing of what the caller does not see', () => {
    fc.assert(
      fc.property(items, fc.nat(), (list, cut) => {
        const seen = list.slice(0, list.length === 0 ? 0 : cut % list.length)
        const alone = shownTo(seen)
        const beside = shownTo(list, seen)
        // But for what is made to look like a hashed name, which these never are.
        for (const item of seen) expect(beside.get(item)).toBe(alone.get(item))
      }),
    )
  })

  test('that look like the hashed form of others stay unique', () => {
    const twins = ['a.b', 'a b'].map((name) => ({ server: 's', name }))
    const lookalikes = [publicName('s', 'a.b', 'a b'), publicName('s', 'a b', 'a.b')].map(
      (name) => ({ server: 's', name: name.slice('s__'.length) }),
    )
    const names = shownTo([...twins, ...lookalikes])
    expect(new Set(names.values()).size).toBe(4)
  })

  test.each([
    ['files', 'read', 'files__read'],
    ['files', 'read file/ä', 'files__read_file__'],
    ['s', 'x'.repeat(61), `s__${'x'.repeat(61)}`],
  ])('%s and %s make %s', (of, name, expected) => {
    expect(publicName(of, name)).toBe(expected)
  })

  test('that are too long are cut, with a hash', () => {
    const one = publicName('s', `${'x'.repeat(80)}1`)
    const two = publicName('s', `${'x'.repeat(80)}2`)
    expect([one.length, two.length]).toEqual([64, 64])
    expect(one).not.toBe(two)
  })
})

describe('public URIs', () => {
  test('lead back to their server and its own URI, whatever that is', () => {
    fc.assert(
      fc.property(server, fc.string(), (of, uri) => {
        expect(splitUri(uriPrefix(of) + uri)).toEqual({ server: of, uri })
      }),
    )
  })

  test.each([
    '',
    'file:///a',
    '+file:///a',
    'Files+file:///a',
    'a b+x',
    `${'a'.repeat(25)}+x`,
    '1a+x',
    'a_b+x',
  ])('%j names no server', (uri) => {
    expect(splitUri(uri)).toBeUndefined()
  })

  test('may hold a plus themselves', () => {
    expect(splitUri('s+git+ssh://x')).toEqual({ server: 's', uri: 'git+ssh://x' })
  })
})
