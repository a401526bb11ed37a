import { describe, expect, it } from 'vitest'
import { Secrets } from './secrets.ts'

const secret = 'tok/en+se"cr\\et =\t\u00e9\ud83d\ude00-77'
const inJson = JSON.stringify(secret).slice(1, -1)
const inUrl = encodeURIComponent(secret)
const units = (text: string): string =>
  Array.from({ length: text.length }, (_, at) => text.charCodeAt(at))
    .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
    .join('')

describe('a secret is found', () => {
  it.each([
    ['as it is', secret],
    ['in JSON', inJson],
    ['in JSON with slashes escaped', inJson.replaceAll('/', '\\/')],
    ['in JSON within JSON', JSON.stringify(inJson).slice(1, -1)],
    [
      'in JSON within JSON, slashes escaped',
      JSON.stringify(inJson.replace('/', '\\/')).slice(1, -1),
    ],
    ['in a URL', inUrl],
    ['in a URL, in lower case', inUrl.replace(/%[0-9A-F]{2}/g, (byte) => byte.toLowerCase())],
    ['in a form', inUrl.replaceAll('%20', '+')],
    [
      'in a page',
      secret.replaceAll('"', '&quot;').replaceAll('+', '&#43;').replaceAll('=', '&#x3D;'),
    ],
  ])('%s', (_name, spelled) => {
    const cleaned = new Secrets({ bearer: secret }).cleanText(`<${spelled}>`, [])
    expect(cleaned).toBe('<[redacted]>')
  })

  it('with any sign of it as \\u', () => {
    for (const sign of ['/', '+', '=', '\u00e9', '\ud83d\ude00'])
      for (const spelled of [units(sign), units(sign).toUpperCase().replaceAll('\\U', '\\u')])
        expect(new Secrets({ bearer: secret }).cleanText(secret.replace(sign, spelled), [])).toBe(
          '[redacted]',
        )
  })

  it('of a header behind its scheme, and of each call', () => {
    const secrets = new Secrets({ bearer: 'fixed-one' })
    const more = ['Bearer fixed-one', 'fixed-one', 'Basic other-one', 'other-one']
    expect(secrets.cleanText('Bearer fixed-one, Basic other-one', more)).toBe(
      'Bearer [redacted], Basic [redacted]',
    )
    expect(secrets.cleanText('other-one', [])).toBe('other-one')
  })

  it('however long and odd', () => {
    for (const long of ['-'.repeat(20_000), '(a+)+$'.repeat(400), 'x'.repeat(30_000)])
      expect(new Secrets({ bearer: long }).cleanText(`<${long}>`, []) === '<[redacted]>').toBe(true)
    expect(() => new Secrets({ bearer: 'x'.repeat(40_000) })).toThrow('more than 32768 characters')
  })
})
