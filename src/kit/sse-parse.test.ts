import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type SseEvent, SseParser, SseTooLarge } from './sse-parse.ts'

interface Seen {
  readonly event: string
  readonly data: string
  readonly id: string | undefined
  readonly retryMs: number | undefined
}

function parse(chunks: readonly Buffer[], eventBytesMax = 1_000_000): readonly Seen[] {
  const seen: Seen[] = []
  const take = ({ event, data, id, retryMs }: SseEvent): void => {
    seen.push({ event, data: data.toString('utf8'), id, retryMs })
  }
  const parser = new SseParser(take, { eventBytesMax })
  for (const chunk of chunks) parser.feed(chunk)
  return seen
}

const stream = [
  '\ufeffdata: first\n\n',
  ': comment\n\n',
  'event: named\r\nid: 7\r\ndata: a\r\ndata:b\r\ndata:  c\r\n\r\n',
  'retry: 250\nid: x-1\ndata:\n\n',
  'data\rdata: lone\r\r',
  'unknown: field\nDATA: no\ndata: ä€😀\n\n',
  'id: with\u0000zero\nretry: soon\ndata: z\n\n',
  'data: never dispatched\n',
].join('')

const expected: readonly Partial<Seen>[] = [
  { event: 'message', data: 'first' },
  { event: 'named', data: 'a\nb\n c', id: '7' },
  { event: 'message', data: '', id: 'x-1', retryMs: 250 },
  { event: 'message', data: '\nlone' },
  { event: 'message', data: 'ä€😀' },
  { event: 'message', data: 'z' },
]

describe('one stream', () => {
  const bytes = Buffer.from(stream)

  test('read at once', () => {
    expect(parse([bytes])).toMatchObject(expected)
    expect(parse([bytes]).length).toBe(expected.length)
  })

  test('split at every byte reads the same', () => {
    const whole = parse([bytes])
    for (let at = 0; at <= bytes.length; at++)
      expect(parse([bytes.subarray(0, at), bytes.subarray(at)])).toEqual(whole)
    expect(parse([...bytes].map((byte) => Buffer.from([byte])))).toEqual(whole)
  })

  test('split at any places reads the same', () => {
    const whole = parse([bytes])
    fc.assert(
      fc.property(fc.array(fc.nat({ max: bytes.length }), { maxLength: 12 }), (cuts) => {
        const places = [0, ...cuts.sort((a, b) => a - b), bytes.length]
        const chunks = places.slice(1).map((to, index) => bytes.subarray(places[index], to))
        expect(parse(chunks)).toEqual(whole)
      }),
    )
  })
})

test('what was written as events reads back, with every kind of line end', () => {
  const line = fc.string({ unit: 'grapheme' }).map((text) => text.replace(/[\r\n]/g, ''))
  const one = fc.record({
    data: fc.array(line, { minLength: 1, maxLength: 4 }),
    event: line,
    end: fc.constantFrom('\n', '\r\n', '\r'),
  })
  fc.assert(
    fc.property(fc.array(one, { maxLength: 6 }), fc.nat({ max: 7 }), (events, size) => {
      const text = events
        .map(({ data, event, end }) =>
          [`event: ${event}`, ...data.map((part) => `data: ${part}`), '', ''].join(end),
        )
        .join('')
      const bytes = Buffer.from(text.startsWith('\ufeff') ? `\n${text}` : text)
      const chunks: Buffer[] = []
      for (let at = 0; at < bytes.length; at += size + 1)
        chunks.push(bytes.subarray(at, at + size + 1))
      const wanted = events.map(({ data, event }) => ({
        event: event === '' ? 'message' : event,
        data: data.join('\n'),
      }))
      expect(parse(chunks)).toMatchObject(wanted)
    }),
  )
})

test('any bytes in any chunks throw nothing but the size limit', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 60 })), (chunks) => {
      parse(chunks.map((chunk) => Buffer.from(chunk)))
    }),
  )
})

test('an event above the limit is refused, as one line, as many, and without any end', () => {
  const long = Buffer.from('x'.repeat(600))
  const line = Buffer.from('data: ')
  expect(() => parse([line, long, long], 1_000)).toThrow(SseTooLarge)
  const lines = Array.from({ length: 30 }, () => Buffer.from(`data: ${'x'.repeat(50)}\n`))
  expect(() => parse(lines, 1_000)).toThrow(SseTooLarge)
  expect(() =>
    parse(
      Array.from({ length: 30 }, () => long),
      1_000,
    ),
  ).toThrow(SseTooLarge)
  const separate = Array.from({ length: 30 }, () => Buffer.from(`data: ${'x'.repeat(500)}\n\n`))
  expect(parse(separate, 1_000).length).toBe(30)
})
