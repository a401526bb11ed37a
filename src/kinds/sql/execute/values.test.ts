import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseArguments, wholeNumber } from './arguments.ts'
import { openCursor, sealCursor } from './cursor.ts'
import { numberJson, spliceJson } from './json-value.ts'
import { holdsAccounts, parseGrant } from './mysql-account.ts'
import { enumValues } from './mysql-introspect.ts'
import { RowSink, uniqueNames } from './row-sink.ts'
import { sqliteKind } from './sqlite-introspect.ts'

describe('numbers', () => {
  test('of any form are JSON that keeps their value, or a string with all of it', () => {
    const digits = (max: number): fc.Arbitrary<string> =>
      fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: max })
    fc.assert(
      fc.property(
        fc.boolean(),
        digits(30),
        fc.option(digits(30)),
        fc.option(fc.integer({ min: -320, max: 320 })),
        (minus, whole, fraction, exponent) => {
          const text = `${minus ? '-' : ''}${whole}${fraction === null ? '' : `.${fraction}`}${exponent === null ? '' : `e${exponent}`}`
          const value: unknown = JSON.parse(numberJson(text))
          if (typeof value === 'string') return value === text
          return value === Number(text) && Number.isFinite(value)
        },
      ),
      { numRuns: 2_000 },
    )
  })

  test.each([
    ['0', '0'],
    ['-0', '-0'],
    ['007', '7'],
    ['12.50', '12.50'],
    ['9007199254740991', '9007199254740991'],
    ['9007199254740992', '"9007199254740992"'],
    ['0.1234567890123456', '"0.1234567890123456"'],
    ['1e400', '"1e400"'],
    ['1.5e+10', '1.5e10'],
    ['NaN', '"NaN"'],
    ['-Infinity', '"-Infinity"'],
  ])('%s is %s', (text, json) => {
    expect(numberJson(text)).toBe(json)
  })

  test('in arguments keep their digits', () => {
    expect(
      parseArguments(
        '{"a":9007199254740993,"b":0.1234567890123456789,"c":1.5,"d":[-12345678901234567890],"e":"1"}',
      ),
    ).toEqual({
      a: JSON.rawJSON('9007199254740993'),
      b: JSON.rawJSON('0.1234567890123456789'),
      c: 1.5,
      d: [JSON.rawJSON('-12345678901234567890')],
      e: '1',
    })
  })

  test.each([
    ['5', 'integer', '5'],
    ['5.0', 'integer', '5'],
    ['1e3', 'integer', '1000'],
    ['9223372036854775808', 'integer', '9223372036854775808'],
    ['0.10', 'double', '0.10'],
    ['0.30000000000000004', 'double', '0.30000000000000004'],
    ['0.1234567890123456789', 'decimal', '0.1234567890123456789'],
    ['1e400', 'decimal', '1e400'],
    ['9'.repeat(500), 'decimal', '9'.repeat(500)],
  ])('%s is kept whole as an %s', (source, kind, text) => {
    expect(wholeNumber(JSON.rawJSON(source))).toMatchObject({ kind, text })
  })
})

test('JSON of a column is spliced as it is, on one line; what is none is a string', () => {
  expect(spliceJson('{"n": 12345678901234567890}')).toBe('{"n": 12345678901234567890}')
  expect(spliceJson('{\n  "a": "b\\n"\r\n}')).toBe('{   "a": "b\\n" }')
  expect(spliceJson('{"a":')).toBe('"{\\"a\\":"')
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(JSON.parse(spliceJson(text))).toEqual(JSON.parse(text))
    }),
  )
})

test('names of columns become keys that are there once', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', 'a_2', '', 'b', '__proto__')), (names) => {
      const unique = uniqueNames(names)
      expect(new Set(unique).size).toBe(names.length)
    }),
  )
})

test('rows are passed over, counted and cut', () => {
  const sink = new RowSink({ skip: 2, rowsMax: 2, bytesMax: 100 })
  sink.columns([{ name: 'a', type: 't' }])
  const asked: number[] = []
  const added = [0, 1, 2, 3, 4, 5].map((n) =>
    sink.add(() => {
      asked.push(n)
      return [String(n)]
    }),
  )
  expect(added).toEqual([true, true, true, true, false, false])
  expect(asked).toEqual([2, 3])
  expect(sink.done()).toMatchObject({ rows: ['{"a":2}', '{"a":3}'], truncated: true })
  const small = new RowSink({ skip: 0, rowsMax: 9, bytesMax: 20 })
  small.columns([{ name: 'a', type: 't' }])
  expect([small.add(() => ['"12345"']), small.add(() => ['"12345"'])]).toEqual([true, false])
  const large = new RowSink({ skip: 0, rowsMax: 9, bytesMax: 20 })
  large.columns([{ name: 'a', type: 't' }])
  expect(() => large.add(() => ['"12345678901234567890"'])).toThrow('larger than 20 bytes')
})

test('a cursor expires', () => {
  const port = { seal: (text: string) => text, open: (text: string) => text }
  const place = { server: 's', principalId: 'p', question: 'q', now: 1_000 }
  const sealed = sealCursor(port, place, 7)
  expect(openCursor(port, { ...place, now: 3_600_999 }, sealed)).toBe(7)
  for (const other of [
    { now: 3_601_000 },
    { server: 'x' },
    { principalId: 'x' },
    { question: 'x' },
  ])
    expect(() => openCursor(port, { ...place, ...other }, sealed)).toThrow('cursor')
  for (const forged of ['', '{}', '[]', 'null', '["sql"]', '["sql","x",0,9e15]'])
    expect(() => openCursor(port, place, forged)).toThrow('cursor')
})

test.each([
  [
    'GRANT SELECT (`a`, `b`), INSERT ON `shop`.`t` TO `u`@`%`',
    { privileges: ['SELECT', 'INSERT'], on: 'shop.t', grantable: false },
  ],
  [
    'GRANT ALL PRIVILEGES ON *.* TO `u`@`%` WITH GRANT OPTION',
    { privileges: ['ALL PRIVILEGES'], on: '*.*', grantable: true },
  ],
  [
    "GRANT PROXY ON ''@'%' TO 'u'@'%' WITH GRANT OPTION",
    { privileges: ['PROXY'], on: 'accounts', grantable: false },
  ],
  ['GRANT `strong` TO `u`@`%`', { roles: '`strong`', grantable: false }],
  [
    'GRANT `strong`@`%`,`weak`@`%` TO `u`@`%` WITH ADMIN OPTION',
    { roles: '`strong`@`%`,`weak`@`%`', grantable: true },
  ],
  [
    'GRANT FILE, SYSTEM_USER ON *.* TO "u"@"%"',
    { privileges: ['FILE', 'SYSTEM_USER'], on: '*.*', grantable: false },
  ],
  [
    'GRANT INSERT ON "mysql"."user" TO "u"@"%"',
    { privileges: ['INSERT'], on: 'mysql.user', grantable: false },
  ],
  ['REVOKE INSERT ON `mysql`.* FROM `u`@`%`', undefined],
  [
    "GRANT USAGE ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*AB'",
    { privileges: ['USAGE'], on: '*.*', grantable: false },
  ],
])('%s', (line, grant) => {
  expect(parseGrant(line)).toEqual(grant)
})

test.each([
  ['*.*', true],
  ['mysql.*', true],
  ['mysql.user', true],
  ['my%.*', true],
  ['m_sql.*', true],
  ['%.*', true],
  ['PROCEDURE mysql.p', true],
  ['mysql2.*', false],
  ['my\\%.*', false],
  ['m\\_sql.*', false],
  ['shop.mysql', false],
  ['m.sql.*', false],
])('a grant on %s takes in the accounts of the server: %s', (on, takesIn) => {
  expect(holdsAccounts(on)).toBe(takesIn)
})

test('words of enums, and kinds of SQLite columns', () => {
  expect(enumValues("enum('a','it''s','b,c')")).toEqual(['a', "it's", 'b,c'])
  expect(enumValues('varchar(3)')).toBeUndefined()
  expect(
    [
      'INTEGER',
      'VARCHAR(9)',
      'BOOLEAN',
      'DATETIME',
      'date',
      'BLOB',
      'DOUBLE',
      'DECIMAL(1,2)',
      'JSON',
      '',
    ].map(sqliteKind),
  ).toEqual([
    'bigint',
    'text',
    'boolean',
    'timestamp',
    'date',
    'bytes',
    'float',
    'numeric',
    'json',
    'other',
  ])
})
