import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Secrets } from './secrets.ts'
import {
  Base64Stage,
  endThrough,
  JsonStage,
  jsonTextStage,
  pushThrough,
  type Stage,
  utf8Stage,
} from './stages.ts'

/** What stages make of `bytes` that come in pieces of these sizes. */
function through(stages: readonly Stage[], bytes: Buffer, sizes: readonly number[]): Buffer {
  const out: Buffer[] = []
  for (let from = 0, piece = 0; from < bytes.length; piece++) {
    const size = sizes[piece % sizes.length] ?? 1
    out.push(Buffer.from(pushThrough(stages, bytes.subarray(from, from + size))))
    from += size
  }
  out.push(endThrough(stages))
  return Buffer.concat(out)
}

const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 })
const anyBytes = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes))
const text = fc.string({ unit: 'binary', maxLength: 80 }).map((all) => all.toWellFormed())

describe('stages give the same for every cut', () => {
  it('UTF-8: what is valid as it is, the rest as a decoder says', () => {
    const broken = fc
      .array(
        fc.oneof(
          text.map((part) => Buffer.from(part)),
          anyBytes,
        ),
        { maxLength: 4 },
      )
      .map((parts) => Buffer.concat(parts))
    fc.assert(
      fc.property(broken, sizes, (bytes, cuts) => {
        expect(through([utf8Stage(undefined)], bytes, cuts).toString()).toBe(
          new TextDecoder().decode(bytes),
        )
      }),
      { numRuns: 2_000 },
    )
  })

  it('other charsets', () => {
    fc.assert(
      fc.property(text, sizes, (all, cuts) => {
        expect(through([utf8Stage('utf-16le')], Buffer.from(all, 'utf16le'), cuts).toString()).toBe(
          all.replace(/^\ufeff/, ''),
        )
      }),
    )
    expect(through([utf8Stage('iso-8859-1')], Buffer.from('é', 'latin1'), [1]).toString()).toBe('é')
    expect(through([utf8Stage('nonsense')], Buffer.from('é'), [1]).toString()).toBe('é')
  })

  it('a byte order mark goes, wherever it is cut', () => {
    const marked = Buffer.from('\ufeff{"a":1}')
    for (const cut of [1, 2, 3, 4, 99])
      expect(through([utf8Stage('utf-8')], marked, [cut]).toString()).toBe('{"a":1}')
    expect(through([utf8Stage('utf-8')], Buffer.from([0xef]), [1]).toString()).toBe('\ufffd')
    expect(through([utf8Stage('utf-8')], Buffer.from([0xef, 0xbb, 0xbf]), [1]).toString()).toBe('')
  })

  it('text as the inside of a JSON string', () => {
    fc.assert(
      fc.property(text, sizes, (all, cuts) => {
        const inside = through([jsonTextStage], Buffer.from(all), cuts)
        expect(JSON.parse(`"${inside.toString()}"`)).toBe(all)
      }),
    )
  })

  it('base64', () => {
    fc.assert(
      fc.property(anyBytes, sizes, (bytes, cuts) => {
        expect(through([new Base64Stage()], bytes, cuts).toString()).toBe(bytes.toString('base64'))
      }),
    )
  })

  it('JSON passes as it is; what is none breaks off', () => {
    fc.assert(
      fc.property(fc.json(), sizes, (json, cuts) => {
        expect(through([new JsonStage(512)], Buffer.from(json), cuts).toString()).toBe(json)
        expect(() => through([new JsonStage(512)], Buffer.from(`${json}]`), cuts)).toThrow(
          'is no JSON',
        )
        expect(() => through([new JsonStage(512)], Buffer.from(`[${json}`), cuts)).toThrow(
          'is no JSON',
        )
      }),
    )
  })
})

describe('secrets in pieces', () => {
  const secret = 'se"cret-é-7f3a'
  const stageOf = (more: readonly string[]): Stage => {
    const stage = new Secrets({ bearer: secret }).stage(more)
    if (stage === undefined) throw new Error('there are secrets')
    return stage
  }

  it('are taken out in every spelling, wherever they are cut', () => {
    const part = fc.oneof(
      fc.string({ maxLength: 20 }),
      fc.constantFrom(
        secret,
        JSON.stringify(secret),
        encodeURIComponent(secret),
        'se"cret',
        'other-one',
      ),
    )
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), sizes, (parts, cuts) => {
        const bytes = Buffer.from(parts.join(''))
        const cleaned = through([stageOf(['other-one'])], bytes, cuts)
        const whole = new Secrets({ bearer: secret }).clean(bytes, ['other-one'])
        expect(cleaned.toString()).toBe(whole.toString())
      }),
      { numRuns: 2_000 },
    )
  })

  it('the longest wins where one begins with another', () => {
    const cleaned = through([stageOf(['abcdef', 'abcdefgh'])], Buffer.from('xabcdefghx'), [1])
    expect(cleaned.toString()).toBe('x[redacted]x')
  })

  it('no secrets, no stage', () => {
    expect(new Secrets(undefined).stage([])).toBeUndefined()
    expect(new Secrets(undefined).stage(['short'])).toBeUndefined()
  })
})
