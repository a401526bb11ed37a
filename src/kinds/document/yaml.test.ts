import { describe, expect, test } from 'vitest'
import { readYaml } from './yaml.ts'

/** The core schema of YAML 1.2: what OpenAPI means by YAML (OpenAPI 3.1 section 4.2). */
describe('YAML as JSON', () => {
  test.each<[text: string, value: unknown]>([
    ['2020-01-01', '2020-01-01'],
    ['2020-01-01T00:00:00Z', '2020-01-01T00:00:00Z'],
    ['[on, off, yes, no, y, n, Yes, NO]', ['on', 'off', 'yes', 'no', 'y', 'n', 'Yes', 'NO']],
    ['[true, True, FALSE, tRue]', [true, true, false, 'tRue']],
    ['[0o17, 017, 0x1F, 0b11, 1_000, 12:30]', [15, 17, 31, '0b11', '1_000', '12:30']],
    ['[1.0, .5, 1e3, +12, 3.10]', [1, 0.5, 1000, 12, 3.1]],
    ['[12345678901234567890, 9007199254740993]', [12345678901234567000, 9007199254740992]],
    ['[~, null, Null, NULL, "", nULL]', [null, null, null, null, '', 'nULL']],
    ['{200: a, true: b, 1.5: c}', { 200: 'a', true: 'b', 1.5: 'c' }],
    ['{a: 1, b: 2, a: 3}', { a: 3, b: 2 }],
    [
      '[&a {x: 1}, {<<: *a, y: 2}, {y: 3, <<: [*a, *a]}]',
      [{ x: 1 }, { x: 1, y: 2 }, { x: 1, y: 3 }],
    ],
    ['[&a {x: 1}, {x: 2, <<: *a}, "<<"]', [{ x: 1 }, { x: 2 }, '<<']],
    ['[!!str 5, !!int "7", !!float 5, ! 12]', ['5', 7, 5, '12']],
    ['[!!timestamp 2020-01-01, !!binary aGk=, !own x]', ['2020-01-01', 'aGk=', 'x']],
    ['[!!set {a, b}, !own [1], !own {a: 1}]', [{ a: null, b: null }, [1], { a: 1 }]],
    ['"a\n  b\\n\\u00e9"', 'a b\n\u00e9'],
    ["'it''s'", "it's"],
    ['|\n  x\n   y\n', 'x\n y\n'],
    ['>-\n  x\n  y\n', 'x y'],
    ['a: 1 # one\nb: x#y', { a: 1, b: 'x#y' }],
    ['a:\n- 1\n- 2\n', { a: [1, 2] }],
    ['%YAML 1.2\n---\na: 1\n...\n', { a: 1 }],
    ['---\na: 1\n---\nb: 2', { a: 1 }],
    ['a: 1\r\nb: 2\r\n', { a: 1, b: 2 }],
    ['', undefined],
    ['# nothing', undefined],
  ])('%j', (text, value) => expect(readYaml(text).value).toEqual(value))

  test('no key is a prototype', () => {
    const { value } = readYaml('__proto__: {x: 1}\n!own a: !own {__proto__: 1}\nconstructor: 2')
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect(Object.keys(Object(value))).toEqual(['__proto__', 'a', 'constructor'])
    expect(Object.keys(Object(value)['a'])).toEqual(['__proto__'])
  })

  test('keys of the document and below its paths are told, also equal ones', () => {
    const { entries } = readYaml(
      'a: &k {b: {c: 1}}\npaths:\n  /x: {get: {d: 1}, get: 2}\n  "/y": *k\n  /x: [{e: 1}]\n',
    )
    expect(entries).toEqual([
      { key: 'a', entries: [] },
      {
        key: 'paths',
        entries: [
          {
            key: '/x',
            entries: [
              { key: 'get', entries: [] },
              { key: 'get', entries: [] },
            ],
          },
          { key: '/y', entries: [] },
          { key: '/x', entries: [] },
        ],
      },
    ])
  })
})
