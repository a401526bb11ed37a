/** What the REST executor makes of answers that are too large to hold. */

import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { brotliCompressSync, constants, createGzip, deflateRawSync, gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { RestPlan } from '../../src/model/kinds/openapi.ts'
import { patienceMs } from '../patience.ts'
import { plainPlan } from './rest-server.ts'
import { answering, type Handler, type Result, world } from './rest-world.ts'

/** Rows of JSON, more than is held: numbers that a parser would change among them. */
function rows(bytes: number): string {
  const row =
    '{"id": 12345678901234567890,\n "name": "Zo\\u00eb é \\"x\\"", "on": true, "none": null},'
  return `[${row.repeat(Math.ceil(bytes / row.length)).slice(0, -1)}]`
}

const page: RestPlan['parameters'] = [
  {
    argument: 'arg_cursor',
    name: 'cursor',
    in: 'query',
    style: 'form',
    explode: true,
    allowReserved: false,
    mediaType: undefined,
  },
]

/** Answers with `type` and these pieces, as the reader takes them. */
const inPieces =
  (type: string, pieces: Iterable<Buffer | string>): Handler =>
  async (_request, response) => {
    response.writeHead(200, { 'content-type': type })
    for (const piece of pieces) {
      if (response.destroyed) return
      if (!response.write(piece)) await once(response, 'drain').catch(() => undefined)
    }
    response.end()
  }

describe('large JSON', () => {
  const json = `{"items": ${rows(3_000_000)}, "next_cursor": "abc", "total": 1e3}`

  it('is structured content with its bytes, its beginning as text, and tells the next page', async () => {
    const { call } = await world(answering(200, 'application/json', json))
    for (const structured of [true, false]) {
      const result = await call({ structured, parameters: page })
      expect(result.streamed).toBe(true)
      expect(result.raw).toContain(`"structuredContent":${json}`)
      expect(result.text).toContain('structuredContent')
      expect(result.text).toContain(json.slice(0, 1_000))
      expect(result.text.length).toBeLessThan(25_000)
      expect(result.texts[1]).toContain('arg_cursor = "abc"')
    }
  })

  it('tells the next page behind any number of other members', async () => {
    const many = Object.fromEntries(
      Array.from({ length: 30_000 }, (_, index) => [
        `k${index}`,
        { id: index, name: 'x'.repeat(20) },
      ]),
    )
    const body = JSON.stringify({ items: many, paging: { next: { after: 'abc' } } })
    const { call } = await world(answering(200, 'application/json', body))
    expect((await call({ parameters: page })).texts[1]).toContain('arg_cursor = "abc"')
  })

  it('that is a list is wrapped where the tool has an output schema', async () => {
    const { call } = await world(answering(200, 'application/json', rows(2_000_000)))
    expect((await call({ structured: true })).structured).toEqual({
      result: JSON.parse(rows(2_000_000)),
    })
    expect((await call()).structured).toEqual(JSON.parse(rows(2_000_000)))
  })

  it('is text, all of it, for a caller that knows no structured content', async () => {
    const { call } = await world(answering(200, 'application/json', json))
    const result = await call({ parameters: page }, {}, { revision: '2025-03-26' })
    expect(result.text).toBe(json)
    expect(result.structured).toBeUndefined()
    expect(result.texts[1]).toContain('arg_cursor = "abc"')
  })

  it('just above and below what is held says the same', async () => {
    for (const bytes of [999_000, 1_000_000, 1_000_001, 1_001_000]) {
      const text = JSON.stringify({ long: 'é'.repeat((bytes - 11) / 2) })
      const { call } = await world(answering(200, 'application/json', text))
      expect((await call({ structured: true })).structured).toEqual(JSON.parse(text))
    }
  })

  it.each([
    ['utf-16le', Buffer.from(`\ufeff${json}`, 'utf16le')],
    ['utf-8', Buffer.from(`\ufeff${json}`)],
  ])('in %s with a byte order mark is UTF-8', async (charset, body) => {
    const { call } = await world(answering(200, `application/json; charset=${charset}`, body))
    expect((await call()).raw).toContain(`"structuredContent":${json}`)
  })

  it('cut anywhere keeps its characters', async () => {
    const body = Buffer.from(json)
    const pieces = Array.from({ length: Math.ceil(body.length / 99_991) }, (_, index) =>
      body.subarray(index * 99_991, (index + 1) * 99_991),
    )
    const { call } = await world(inPieces('application/json', pieces))
    expect((await call()).raw).toContain(`"structuredContent":${json}`)
  })

  it.each([
    ['gzip', gzipSync(json)],
    ['br', brotliCompressSync(json)],
    ['deflate', deflateRawSync(json)],
    ['gzip, br', brotliCompressSync(gzipSync(json))],
    ['gzip', gzipSync(JSON.stringify(randomBytes(2_000_000).toString('base64')).concat(' '))],
  ])('packed with %s is unpacked while it arrives', async (coding, body) => {
    const { call } = await world(
      answering(200, 'application/json', body, { 'content-encoding': coding }),
    )
    const result = await call()
    expect(result.streamed).toBe(true)
    expect(result.text.length).toBeGreaterThan(10_000)
  })

  it('that begins as none is text', async () => {
    const { call } = await world(answering(200, 'application/json', `nothing ${json}`))
    const result = await call()
    expect(result.text).toBe(`nothing ${json}`)
    expect(result.structured).toBeUndefined()
  })

  it.each([
    ['a word', `${json.slice(0, -1)}, "x": NaN}`],
    ['a raw line break in a string', `${json.slice(0, -1)}, "x": "a\nb"}`],
    ['two values', `${json}{}`],
    ['an end that is missing', json.slice(0, -1)],
    ['depth', `${json.slice(0, -1)}, "x": ${'['.repeat(600)}${']'.repeat(600)}}`],
  ])('that turns out to be none breaks off: %s', async (_name, body) => {
    const { call } = await world(answering(200, 'application/json', body))
    await expect(call()).rejects.toMatchObject({ code: 'server_broken' })
  })

  it('that the API breaks off is broken off', async () => {
    for (const packed of [false, true]) {
      const { call } = await world(async (_request, response) => {
        response.writeHead(200, {
          'content-type': 'application/json',
          ...(packed ? { 'content-encoding': 'gzip' } : {}),
        })
        const noise = JSON.stringify(randomBytes(3_000_000).toString('base64'))
        response.write((packed ? gzipSync(noise) : Buffer.from(noise)).subarray(0, 2_000_000))
        await sleep(20)
        response.destroy()
      })
      await expect(call()).rejects.toMatchObject({ code: /server_(?:unavailable|broken)/ })
    }
  })
})

describe('packed in layers', () => {
  /** A run of empty gzip members: nothing in the end, much in between. */
  const nested = brotliCompressSync(Buffer.concat(Array(4_000_000).fill(gzipSync(''))), {
    params: { [constants.BROTLI_PARAM_QUALITY]: 2 },
  })
  const layered = { 'content-encoding': 'gzip, br' }

  it('no layer may pass the bound, however little the last one gives', async () => {
    const bomb = brotliCompressSync(gzipSync(Buffer.alloc(300_000_000, 0x20), { level: 0 }), {
      params: { [constants.BROTLI_PARAM_QUALITY]: 1 },
    })
    const { call } = await world(answering(200, 'application/json', bomb, layered))
    await expect(call()).rejects.toMatchObject({ code: 'answer_too_large' })
  })

  it('a cancel ends the unpacking of what is here already', async () => {
    const { call } = await world(answering(200, 'application/json', nested, layered))
    const cancel = new AbortController()
    const calling = call({}, {}, { signal: cancel.signal })
    setTimeout(() => cancel.abort(), 50)
    await expect(calling).rejects.toMatchObject({ code: 'cancelled' })
  })

  it('one that turns out to be no JSON is given up at an API that has gone quiet', async () => {
    let closed = false
    const { call } = await world((_request, response) => {
      response.on('close', () => {
        closed = true
      })
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
      const packer = createGzip({ level: 1 })
      packer.on('data', (piece) => response.write(piece))
      packer.write(`{"a":"${randomBytes(2_000_000).toString('hex')}`)
      packer.flush(() => {
        packer.write('\u0001')
        packer.flush()
      })
    })
    await expect(call()).rejects.toMatchObject({ code: 'server_broken' })
    while (!closed) await sleep(5)
  })
})

describe('secrets', () => {
  const secret = 'a-secret-of-some-length-7f3a'

  it('are taken out wherever the pieces are cut', async () => {
    function* pieces(): Generator<string> {
      yield `["${'x'.repeat(999_980)}`
      for (let at = 0; at < secret.length; at++)
        yield `","${secret.slice(0, at)}|${secret}|${secret.slice(at)}`
      yield `${'y'.repeat(100_000)}${secret}"]`
    }
    const handler: Handler = async (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      for (const piece of pieces()) {
        for (const part of piece.split('|')) {
          response.write(part)
          await sleep(1)
        }
      }
      response.end()
    }
    const { call } = await world(handler, { credential: { bearer: secret } })
    const result = await call()
    expect(result.streamed).toBe(true)
    expect(result.raw).not.toContain(secret)
    expect(result.raw.match(/\[redacted\]/g)?.length).toBeGreaterThan(secret.length)
  })
})

describe('other large answers', () => {
  const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
  const blob = (result: Result): unknown => {
    const [block] = result.content
    const { resource } = block ?? {}
    return block?.['data'] ?? Object(resource)['blob']
  }

  it.each(['application/pdf', 'image/png', 'audio/wav', ''])('bytes of type "%s"', async (type) => {
    const bytes = randomBytes(3_000_001)
    const { call } = await world(answering(200, type, bytes))
    const result = await call({ structured: true })
    expect(result.streamed).toBe(true)
    expect(digest(Buffer.from(String(blob(result)), 'base64'))).toBe(digest(bytes))
    expect(result.structured).toEqual({})
  })

  it.each(['text/csv', ''])('text of type "%s"', async (type) => {
    const text = 'a;"b";\\;é\u2028\u0001\r\n'.repeat(200_000)
    const { call } = await world(answering(200, type, text))
    const result = await call()
    expect(result.text).toBe(text)
    expect(result.structured).toBeUndefined()
    const structured = await call({ structured: true })
    expect(structured.structured).toEqual({ result: text })
    expect(structured.text).toContain('a;"b"')
    const old = await call({ structured: true }, {}, { revision: '2025-03-26' })
    expect(old.text).toBe(text)
    expect(old.structured).toBeUndefined()
  })

  it('a JSON text is the result of a tool with an output schema, and a text of one without', async () => {
    const json = JSON.stringify('é"\n'.repeat(400_000))
    const { call } = await world(answering(200, 'application/json', json))
    expect((await call({ structured: true })).structured).toEqual({ result: JSON.parse(json) })
    expect((await call()).text).toBe(json)
  })

  it('a legacy caller gets no member that its revision has not', async () => {
    const { call } = await world(answering(200, 'application/json', rows(1_500_000)))
    expect((await call()).raw).toMatch(/^\{"resultType":"complete","structuredContent":\[/)
    const legacy = await call({}, {}, { revision: '2025-11-25' })
    expect(legacy.raw).toMatch(/^\{"structuredContent":\[/)
    const old = await call({}, {}, { revision: '2024-11-05' })
    expect(old.raw).toMatch(/^\{"content":\[/)
  })

  it('Link and Location are told at the end', async () => {
    const { call } = await world(
      answering(201, 'text/plain', 'x'.repeat(1_500_000), {
        location: '/things/7',
        link: '</?cursor=abc>; rel="next"',
      }),
    )
    const { texts } = await call({ parameters: page })
    expect(texts.slice(1).join()).toContain('Location: /things/7')
    expect(texts.slice(1).join()).toContain('arg_cursor = abc')
  })

  it('XML is held to 16 MB', async () => {
    const xml = (count: number): string => `<all>${'<a>text</a>'.repeat(count)}</all>`
    const some = await world(answering(200, 'application/xml', xml(150_000)))
    expect((await some.call()).raw.length).toBeGreaterThan(1_000_000)
    const more = await world(answering(200, 'application/xml', xml(1_500_000)))
    await expect(more.call()).rejects.toMatchObject({ code: 'answer_too_large' })
  })

  it('a large refusal is cut, and what follows is not read', async () => {
    let closed = 0
    const { call } = await world(async (_request, response) => {
      response.on('close', () => closed++)
      response.writeHead(500, { 'content-type': 'text/plain' })
      while (!response.destroyed) if (!response.write('x'.repeat(65_536))) await sleep(1)
    })
    const result = await call()
    expect(result.isError).toBe(true)
    expect(result.text.length).toBeLessThan(10_000)
    while (closed === 0) await sleep(5)
  })

  it('a redirect with a large body is followed', async () => {
    const { call } = await world((request, response) => {
      if (request.url === '/there') response.end('{"ok":true}')
      else response.writeHead(302, { location: '/there' }).end('x'.repeat(3_000_000))
    })
    expect((await call()).text).toBe('{"ok":true}')
  })
})

it('an API is read no faster than its answer is taken', async () => {
  let written = 0
  const { call, executor, server } = await world(async (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' })
    const piece = 'x'.repeat(65_536)
    for (let count = 0; count < 1_000 && !response.destroyed; count++) {
      written += piece.length
      if (!response.write(piece)) await once(response, 'drain').catch(() => undefined)
    }
    response.end()
  })
  const { body } = await executor.run({
    plan: { ...plainPlan, baseUrl: server.origin },
    common: { security: {} },
    args: '{}',
    headers: {},
    principalId: 'key:test',
    signal: AbortSignal.timeout(patienceMs),
    progress: () => undefined,
  })
  if (body.kind !== 'stream') throw new Error('it was held whole')
  let before = -1
  while (before !== written) {
    before = written
    await sleep(200)
  }
  // What is held, what waits, and the buffers of the sockets.
  expect(written).toBeLessThan(20_000_000)
  let bytes = body.head.length
  for await (const piece of body.rest) bytes += piece.length
  expect(bytes).toBeGreaterThan(65_536_000)
  expect((await call()).streamed).toBe(true)
})
