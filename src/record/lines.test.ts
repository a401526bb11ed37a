import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  anonymousLine,
  intentLine,
  noteLine,
  outcomeLine,
  refusalLine,
  trackOpen,
} from './lines.ts'

const text = fc.string({ unit: 'binary' })
const at = fc.nat()
const common = {
  at,
  principal: text,
  principalId: text,
  environment: text,
  endpoint: text,
  method: text,
}

test('every line is the JSON of its entry', () => {
  const kind = <K extends string>(name: K) => fc.constant(name)
  const place = { call: text, server: text, name: text }
  const intents = fc.record({
    kind: kind('intent'),
    ...common,
    ...place,
    revision: text,
    argsDigest: text,
    itemDigest: text,
    rule: text,
    snapshot: fc.nat(),
  })
  const outcomes = fc.record({
    kind: kind('outcome'),
    call: text,
    at,
    status: fc.constantFrom('ok', 'tool-error', 'input-required', 'error', 'cancelled', 'unknown'),
    ms: fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }).map((ms) => ms + 0),
    bytes: fc.nat(),
    code: text,
  })
  const refusals = fc.record({
    kind: kind('refusal'),
    ...common,
    ...place,
    code: text,
    detail: text,
  })
  const noteKind = fc.constantFrom('list', 'listen', 'sign-in', 'system')
  const notes = fc.record({ kind: noteKind, ...common, detail: text })
  const counted = { kind: kind('anonymous'), at, source: text, code: text, count: fc.nat() }
  const same = (line: string, entry: unknown): void => {
    expect(line).not.toContain('\n')
    expect(JSON.parse(line)).toEqual(entry)
  }
  fc.assert(fc.property(intents, (entry) => same(intentLine(entry), entry)))
  fc.assert(fc.property(outcomes, (entry) => same(outcomeLine(entry), entry)))
  fc.assert(fc.property(refusals, (entry) => same(refusalLine(entry), entry)))
  fc.assert(fc.property(notes, (entry) => same(noteLine(entry), entry)))
  fc.assert(fc.property(fc.record(counted), (entry) => same(anonymousLine(entry), entry)))
})

test('a number that JSON cannot say becomes 0', () => {
  const line = anonymousLine({ kind: 'anonymous', at: 1, source: 's', code: '', count: Number.NaN })
  expect(JSON.parse(line)).toMatchObject({ count: 0 })
})

test('open calls are bounded', () => {
  const open = new Set<string>()
  for (let i = 0; i < 100_010; i++) trackOpen(open, `{"kind":"intent","call":"c${i}"}`)
  expect(open.size).toBe(100_000)
  expect(open.has('c0')).toBe(false)
})
