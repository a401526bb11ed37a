import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isPlainUri, patternReadings, uriReadings } from './uri-readings.ts'

test.each([
  ['file:///home/ann/notes.md', true],
  ['https://example.com:8443/a/b?c=d#e', true],
  ['urn:isbn:0451450523', true],
  ['repo://owner/name/contents/src%2Fmain.ts', true],
  ['file:///My%20Documents/a.txt', true],
  ['postgres://reader@db.example.com/shop/orders/schema', true],
  ['ui://weather/view.html', true],
  ['test://a..b/c.../.hidden', true],
  ['', false],
  ['notes.md', false],
  ['File:///a', false],
  [' file:///a', false],
  ['file:///a b', false],
  ['file:///a\tb', false],
  ['file:///é', false],
  ['file:///a\\b', false],
  ['file:///{path}', false],
  ['file:///a%', false],
  ['file:///a%2', false],
  ['file:///a%00', false],
  ['file:///a%0ab', false],
  ['file:///a%2509', false],
  ['file:///a%C0%AE', false],
  ['file:///a/..', false],
  ['file:///a/%2e%2e/b', false],
  ['file:///a/%252E./b', false],
  ['file:///a%5c..%5cb', false],
  ['file:///a/..;p/b', false],
  ['file:///a/%EF%BC%8E%EF%BC%8E/b', false],
  ['file://./a', false],
  [`file:///${'%25'.repeat(2)}41`, true],
  ['file:///%25252525252541', false],
])('%j is plain: %s', (uri, plain) => {
  expect(isPlainUri(uri)).toBe(plain)
})

test.each([
  ['demo://u:p@HOST:80/a//b/./c/../d.?q#f', ['demo:/host/a/b/d.?q#f', 'demo:/host/a/b/d']],
  ['http:example.com/a', ['http:example.com/a', 'http:/example.com/a']],
  ['http://0x7f.1/a', ['http:/0x7f.1/a', 'http:/127.0.0.1/a']],
  ['file:///C%3A/a%5Cb', ['file:/C:/a/b']],
  ['file://127.0.0.1:80/etc/%20pass%20wd%20./', ['file:/etc/pass wd/']],
  ['urn:a:b', ['urn:a:b']],
])('%j is read as %j', (uri, readings) => {
  expect(uriReadings(uri)).toEqual(readings)
})

test.each([
  ['*', ['*']],
  ['*/a*', ['*/a*']],
  ['demo://R*/A', ['demo:/r*/A']],
  ['postgres://*@host/db', ['postgres:/host/db']],
  ['https://host:*', ['https:/host*']],
  ['file://host/a*', ['file:/a*']],
  ['file://*', ['file:/*']],
  ['https://host/search?q=*', ['https:/host/search?q=*', 'https:/host/search*']],
  ['file:///a;v=1*/b', ['file:/a;v=1*/b', 'file:/a*/b']],
])('the pattern %j is read as %j', (pattern, readings) => {
  expect(patternReadings(pattern)).toEqual(readings)
})

test('takes linear time, and never throws', () => {
  for (const part of ['%25', '../', ';a/', '//', '%2F..', '\\', '@', ':1', '%C3'])
    for (const head of ['demo://', 'https://', ''])
      expect(uriReadings(head + part.repeat(50_000))).toSatisfy(
        (readings: unknown) => readings === undefined || Array.isArray(readings),
      )
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      uriReadings(text)
      patternReadings(text)
      return !isPlainUri(text) || uriReadings(text) !== undefined
    }),
  )
})
