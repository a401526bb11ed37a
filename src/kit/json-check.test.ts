import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { JsonCheck, JsonFault } from './json-check.ts'

/** What the check says of `bytes` that come in pieces of these sizes. */
function judged(
  bytes: Buffer,
  sizes: readonly number[] = [],
  wanted: readonly string[] = [],
): JsonCheck | undefined {
  const check = new JsonCheck(512, new Set(wanted))
  try {
    let from = 0
    for (let piece = 0; from < bytes.length; piece++) {
      const size = sizes[piece % Math.max(1, sizes.length)] ?? bytes.length
      check.check(bytes.subarray(from, from + size))
      from += size
    }
    check.end()
    return check
  } catch (fault) {
    if (fault instanceof JsonFault) return undefined
    throw fault
  }
}

function parses(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const sizes = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 })
const signs = fc.constantFrom(
  ...[
    '{',
    '}',
    '[',
    ']',
    ':',
    ',',
    '"',
    '\\',
    'u',
    '00e9',
    'n',
    ' ',
    '\n',
    '\t',
    '\u0001',
    '\u00a0',
    '\ufeff',
  ],
  ...[
    '0',
    '-',
    '1',
    '.5',
    'e9',
    '+',
    'true',
    'false',
    'null',
    'nul',
    '"a"',
    '"a":',
    '{}',
    '[]',
    'é',
    '\ud83d\ude00',
  ],
)

describe('JSON in pieces', () => {
  it('is JSON where a parser says so, whatever the pieces', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), sizes, (text, cuts) => {
        expect(judged(Buffer.from(text), cuts)).toBeDefined()
      }),
    )
  })

  it('is none where a parser says no', () => {
    fc.assert(
      fc.property(fc.array(signs, { maxLength: 12 }), sizes, (parts, cuts) => {
        const text = parts.join('')
        expect(judged(Buffer.from(text), cuts) !== undefined).toBe(parses(text))
      }),
      { numRuns: 20_000 },
    )
  })

  it('is none after one byte of it was changed in a way that a parser refuses', () => {
    fc.assert(
      fc.property(
        fc.json({ maxDepth: 4 }),
        fc.nat(),
        fc.integer({ min: 0, max: 127 }),
        sizes,
        (text, at, sign, cuts) => {
          const bytes = Buffer.from(text)
          bytes[at % bytes.length] = sign
          expect(judged(bytes, cuts) !== undefined).toBe(parses(bytes.toString()))
        },
      ),
      { numRuns: 5_000 },
    )
  })

  it('is bounded in depth and in the length of numbers', () => {
    expect(judged(Buffer.from(`${'['.repeat(512)}${']'.repeat(512)}`))).toBeDefined()
    expect(judged(Buffer.from(`${'['.repeat(513)}${']'.repeat(513)}`))).toBeUndefined()
    expect(judged(Buffer.from(`[1${'0'.repeat(5_000)}`), [100])).toBeUndefined()
  })
})

describe('the scalars that are wanted', () => {
  const scalars = (value: unknown, wanted: readonly string[], cuts: readonly number[] = [3]) =>
    Object.fromEntries(
      judged(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)), cuts, wanted)
        ?.scalars ?? [],
    )

  it('are found near the root by their pointers, not in lists', () => {
    const value = {
      data: [{ next: 'no' }, 1],
      next: 'é"\\\n',
      count: 12.5,
      'a/b~c': true,
      none: null,
      paging: { next: { after: 'x', deep: { deeper: { deepest: 1 } } } },
      last: 'z',
    }
    const wanted = ['/next', '/count', '/a~1b~0c', '/none', '/paging/next/after', '/data/next']
    expect(scalars(value, [...wanted, '/paging/next/deep/deeper/deepest'])).toEqual({
      '/next': '"é\\"\\\\\\n"',
      '/count': '12.5',
      '/a~1b~0c': 'true',
      '/none': 'null',
      '/paging/next/after': '"x"',
    })
    expect(scalars('{"a": 12345678901234567890, "a": 1.0}', ['/a'])).toEqual({ '/a': '1.0' })
  })

  it('are what a parser finds, whatever the pieces', () => {
    const leaf = fc.oneof(fc.string({ maxLength: 30 }), fc.integer(), fc.boolean())
    const key = fc.string({ maxLength: 8 })
    fc.assert(
      fc.property(
        fc.dictionary(key, fc.oneof(leaf, fc.dictionary(key, leaf, { maxKeys: 3 })), {
          maxKeys: 5,
        }),
        sizes,
        (value, cuts) => {
          const single = (at: string, one: unknown): [string, unknown] => [`/${at}`, one]
          const pointed = (at: string): string => at.replaceAll('~', '~0').replaceAll('/', '~1')
          const all = Object.entries(value).flatMap(([name, one]) =>
            typeof one === 'object'
              ? Object.entries(one).map(([inner, two]): [string, unknown] => [
                  `/${pointed(name)}/${pointed(inner)}`,
                  two,
                ])
              : [single(pointed(name), one)],
          )
          const found = scalars(
            value,
            all.map(([pointer]) => pointer),
            cuts,
          )
          for (const [pointer, one] of all) expect(JSON.parse(found[pointer] ?? '')).toEqual(one)
        },
      ),
    )
  })

  it('are bounded in length, and found however many others there are', () => {
    const many = Object.fromEntries(
      Array.from({ length: 1_000 }, (_, index) => [`k${index}`, { a: { b: index } }]),
    )
    expect(scalars({ items: many, next: 'n' }, ['/next'])).toEqual({ '/next': '"n"' })
    expect(scalars({ next: 'x'.repeat(5_000) }, ['/next'])).toEqual({})
    expect(scalars({ ['x'.repeat(5_000)]: 1, next: 2 }, ['/next'])).toEqual({ '/next': '2' })
    expect(scalars([1, 2], ['/0'])).toEqual({})
  })
})
