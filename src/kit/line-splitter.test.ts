import { expect, test } from 'vitest'
import { costOf } from '../../test/cost.ts'
import { LineSplitter } from './line-splitter.ts'

function split(chunks: readonly Buffer[], lineBytesMax = 1000): string[] {
  const lines: string[] = []
  const splitter = new LineSplitter({
    lineBytesMax,
    onLine: (line) => lines.push(line.toString()),
    onOverflow: () => lines.push('OVERFLOW'),
  })
  for (const chunk of chunks) splitter.push(chunk)
  return lines
}

const text = '{"a":"ä€😀"}\n\n{"b":1}\r\n\r\n"ü"\n{"c":"no end yet'
const expected = ['{"a":"ä€😀"}', '{"b":1}', '"ü"']

test('the lines are the same wherever the bytes are cut', () => {
  const bytes = Buffer.from(text)
  for (let first = 0; first <= bytes.length; first++) {
    for (let second = first; second <= bytes.length; second++) {
      const chunks = [
        bytes.subarray(0, first),
        bytes.subarray(first, second),
        bytes.subarray(second),
      ]
      expect(split(chunks)).toEqual(expected)
    }
  }
  expect(split([...bytes].map((byte) => Buffer.from([byte])))).toEqual(expected)
})

test('a line of exactly the maximum passes, one byte more stops for good', () => {
  for (const size of [1, 3, 64]) {
    const cut = (input: string) =>
      Array.from({ length: Math.ceil(input.length / size) }, (_, i) =>
        Buffer.from(input.slice(i * size, (i + 1) * size)),
      )
    expect(split(cut('0123456789\nab\n'), 10)).toEqual(['0123456789', 'ab'])
    expect(split(cut('ab\n0123456789x\ncd\n'), 10)).toEqual(['ab', 'OVERFLOW'])
  }
})

test('cut mode shortens a long line and goes on; flush hands on the rest', () => {
  const lines: string[] = []
  const onLine = (line: Buffer) => lines.push(line.toString())
  const splitter = new LineSplitter({ lineBytesMax: 4, onLine, onOverflow: 'cut' })
  for (const chunk of ['abcdefgh\nij', 'k\nlm', 'nopq', 'r']) splitter.push(Buffer.from(chunk))
  splitter.flush()
  expect(lines).toEqual(['abcd', 'ijk', 'lmno'])
})

test('100 MB in small chunks takes linear time', async () => {
  const chunk = Buffer.alloc(8192, 'x')
  let length = 0
  const splitter = new LineSplitter({
    lineBytesMax: 200_000_000,
    onLine: (line) => {
      length = line.length
    },
    onOverflow: 'cut',
  })
  const cost = await costOf(() => {
    for (let i = 0; i < 12_800; i++) splitter.push(chunk)
    splitter.push(Buffer.from('\n'))
  })
  expect(length).toBe(8192 * 12_800)
  expect(cost).toBeLessThan(700)
})
