import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isObjectText, JsonFault, scanArray, scanObject, stringValue } from './json-scan.ts'

const strict = { depthMax: 64, refuseDuplicates: true }
const lenient = { depthMax: 64, refuseDuplicates: false }

function faultOf(scan: () => unknown): string | undefined {
  try {
    scan()
    return undefined
  } catch (fault) {
    if (fault instanceof JsonFault) return fault.kind
    throw fault
  }
}

const parses = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** JSON text with blanks where JSON has them. */
const blanks = fc.constantFrom('', ' ', '\n', '\t', '\r\n ')
const object = fc.dictionary(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.jsonValue({ maxDepth: 5 }),
)
const texts = fc.oneof(
  object.map((value) => JSON.stringify(value)),
  fc.tuple(object, blanks).map(([value, blank]) => JSON.stringify(value, undefined, 2) + blank),
)

describe('agrees with JSON.parse', () => {
  test('on valid text: the same members, and their spans hold their values', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const parsed: unknown = JSON.parse(text)
        const members = scanObject(text, {}, strict)
        const read = members.map(({ key, start, end }): [string, unknown] => [
          key,
          JSON.parse(text.slice(start, end)),
        ])
        expect(Object.fromEntries(read)).toEqual(parsed)
        for (const { keyStart, key } of members)
          expect(text.slice(keyStart).startsWith(JSON.stringify(key).slice(0, 1))).toBe(true)
      }),
    )
  })

  test('on broken text: what one refuses, the other does', () => {
    const edit = fc.record({
      at: fc.nat(),
      cut: fc.nat({ max: 3 }),
      put: fc.string({ unit: fc.constantFrom(...'{}[]",:\\0-.e+ntf\u0000 u/'), maxLength: 2 }),
    })
    fc.assert(
      fc.property(texts, fc.array(edit, { minLength: 1, maxLength: 3 }), (text, edits) => {
        let broken = text
        for (const { at, cut, put } of edits) {
          const from = at % (broken.length + 1)
          broken = broken.slice(0, from) + put + broken.slice(from + cut)
        }
        const isObject = parses(broken) && /^\s*\{/.test(broken)
        const fault = faultOf(() => scanObject(broken, {}, lenient))
        expect(fault === undefined).toBe(isObject)
      }),
      { numRuns: 2_000 },
    )
  })

  test.each([
    '',
    '{',
    '}',
    '[]',
    '1',
    'null',
    '{"a":01}',
    '{"a":+1}',
    '{"a":.5}',
    '{"a":1.}',
    '{"a":1e}',
    '{"a":-}',
    '{"a":NaN}',
    '{"a":Infinity}',
    '{"a":tru}',
    '{"a":TRUE}',
    "{'a':1}",
    '{a:1}',
    '{"a":1,}',
    '{,"a":1}',
    '{"a" 1}',
    '{"a":}',
    '{"a":"\n"}',
    '{"a":"\\x41"}',
    '{"a":"\\u12g4"}',
    '{"a":"\\',
    '{"a":1}}',
    '{"a":1} x',
    '\ufeff{}',
    '{"a":1/**/}',
    '{"a":[1,]}',
    '{"a":[,]}',
    '{"a":[1 2]}',
    '\u00a0{}',
    '{"a":\u2028 1}',
    '{"a":1\u0000}',
  ])('refuses %j', (text) => {
    expect(faultOf(() => scanObject(text, {}, strict))).toBe('invalid')
    if (!['1', 'null', '[]'].includes(text)) expect(parses(text)).toBe(false)
  })
})

describe('duplicates', () => {
  /** The same key, one of the two perhaps spelled with escapes. */
  const spelled = (key: string, escaped: boolean): string =>
    escaped
      ? `"${[...key].map((char) => [...char].map((one) => Array.from({ length: one.length }, (_, i) => `\\u${one.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')).join('')).join('')}"`
      : JSON.stringify(key)

  test('are refused at any depth, however they are spelled and whatever stands between', () => {
    const wraps = fc.array(
      fc.constantFrom('{"w":@}', '[@]', '[0,@,{}]', '{"v":[],"w":@,"x":{"w":1}}'),
      { maxLength: 8 },
    )
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 8 }),
        fc.boolean(),
        wraps,
        fc.nat({ max: 30 }),
        (key, escaped, around, between) => {
          const filler = Array.from(
            { length: between },
            (_, index) => `"${index}#":${index},`,
          ).join('')
          let text = `{${spelled(key, false)}:1,${filler}${spelled(key, escaped)}:2}`
          for (const wrap of around) text = wrap.replace('@', () => text)
          const whole = `{"root":${text}}`
          expect(parses(whole)).toBe(true)
          expect(faultOf(() => scanObject(whole, {}, strict))).toBe('duplicate')
          expect(faultOf(() => scanObject(whole, {}, lenient))).toBeUndefined()
        },
      ),
    )
  })

  test.each([
    ['name', 'Name'],
    ['params', 'paramſ'],
    ['k', '\u212a'],
    ['straße', 'STRASSE'],
    ['é', 'É'],
  ])('keys %s and %s count as one where members are collected, and only there', (one, two) => {
    const text = `{"${one}":1,"${two}":2}`
    expect(faultOf(() => scanObject(text, {}, strict))).toBe('duplicate')
    expect(faultOf(() => scanObject(`{"in":${text}}`, { in: {} }, strict))).toBe('duplicate')
    expect(faultOf(() => scanObject(`{"in":${text}}`, {}, strict))).toBeUndefined()
  })

  test('prototype names are keys like any other', () => {
    const text = '{"__proto__":1,"constructor":2,"toString":3,"hasOwnProperty":4}'
    expect(scanObject(text, {}, strict).map(({ key }) => key)).toEqual([
      '__proto__',
      'constructor',
      'toString',
      'hasOwnProperty',
    ])
    expect(scanObject('{"__proto__":{"a":1}}', {}, strict)[0]?.members).toBeUndefined()
    expect(faultOf(() => scanObject('{"__proto__":1,"__proto__":2}', {}, strict))).toBe('duplicate')
  })
})

test('depth is bounded, without using up the stack', () => {
  for (const [open, close] of [
    ['{"a":', '}'],
    ['[', ']'],
  ] as const) {
    const nested = (depth: number): string => `{"a":${open.repeat(depth)}1${close.repeat(depth)}}`
    expect(faultOf(() => scanObject(nested(63), {}, strict))).toBeUndefined()
    expect(faultOf(() => scanObject(nested(64), {}, strict))).toBe('deep')
    expect(faultOf(() => scanObject(nested(500_000), {}, strict))).toBe('deep')
  }
})

test('a latin1 view of UTF-8 bytes gives byte offsets', () => {
  fc.assert(
    fc.property(object, (value) => {
      const bytes = Buffer.from(JSON.stringify(value))
      const members = scanObject(bytes.toString('latin1'), {}, lenient)
      const read = members.map(({ key, start, end }): [string, unknown] => [
        Buffer.from(key, 'latin1').toString('utf8'),
        JSON.parse(bytes.toString('utf8', start, end)),
      ])
      expect(read.length).toBe(Object.keys(value).length)
      for (const [key, found] of read)
        if (key.isWellFormed() && !key.includes('\ufffd'))
          expect(found).toEqual(JSON.parse(JSON.stringify(value))[key])
    }),
  )
})

test('collects what was asked for: any key, elements, and nothing else', () => {
  const text = '{"a":{"b":{"c":1}},"list":[{"u":1},[],2],"z":{"b":{}}}'
  const members = scanObject(text, { a: { b: {} }, list: { '[]': {} }, '*': {} }, strict)
  expect(members.map(({ members: inner }) => inner?.map(({ key }) => key))).toEqual([
    ['b'],
    ['[]', '[]', '[]'],
    ['b'],
  ])
  expect(members[0]?.members?.[0]?.members?.map(({ key }) => key)).toEqual(['c'])
  expect(members[1]?.members?.map(({ start, end }) => text.slice(start, end))).toEqual([
    '{"u":1}',
    '[]',
    '2',
  ])
  expect(members[2]?.members?.[0]?.members).toBeUndefined()
})

test('arrays: spans of the elements, up to a count', () => {
  const read = (text: string, countMax: number): string[] =>
    scanArray(text, countMax, strict).map(({ start, end }) => text.slice(start, end))
  expect(read(' [1, {"a":2} ,"x]"] ', 3)).toEqual(['1', '{"a":2}', '"x]"'])
  expect(read('[]', 0)).toEqual([])
  expect(faultOf(() => read('[1,2]', 1))).toBe('deep')
  expect(faultOf(() => read('{}', 1))).toBe('invalid')
  expect(faultOf(() => read('[1', 1))).toBe('invalid')
})

test('raw values: strings and objects are told from the rest', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }),
      (text) => stringValue(JSON.stringify(text)) === text,
    ),
  )
  for (const raw of [undefined, '1', 'null', '{}', '["a"]'])
    expect(stringValue(raw)).toBeUndefined()
  expect([isObjectText('{}'), isObjectText('[]'), isObjectText(undefined)]).toEqual([
    true,
    false,
    false,
  ])
})
