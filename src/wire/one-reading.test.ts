// No parser, whichever of two equal keys it takes and however it matches keys, may read another call than the judged one.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { unlimitedAccount } from '../model/account.ts'
import type { Endpoint } from '../model/action.ts'
import { type Call, noCapabilities } from '../model/call.ts'
import { GatewayError } from '../model/refusal.ts'
import { principal } from './call-fixture.ts'
import { decodeLegacy, decodeModern, eraOf } from './decode.ts'
import { parseEnvelope } from './envelope.ts'
import { serverCodec } from './server-codec.ts'

/** JSON as its text says it: objects as pairs in order, numbers as their digits. */
type Said =
  | string
  | { readonly pairs: readonly (readonly [string, Said])[] }
  | { readonly items: readonly Said[] }

/** Reads text that JSON.parse takes; keeps every pair of every object. */
function read(text: string): Said {
  let at = 0
  const blank = (): void => {
    while (' \t\r\n'.includes(text[at] ?? 'x')) at++
  }
  const literal = (): string => {
    const from = at
    if (text[at] !== '"') {
      while (at < text.length && !',]} \t\r\n'.includes(text.charAt(at))) at++
      return text.slice(from, at)
    }
    at++
    while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1
    at++
    return `"${String(JSON.parse(text.slice(from, at)))}`
  }
  const value = (): Said => {
    blank()
    const open = text[at]
    if (open !== '{' && open !== '[') return literal()
    at++
    const pairs: [string, Said][] = []
    const items: Said[] = []
    for (blank(); text[at] !== '}' && text[at] !== ']'; blank()) {
      if (text[at] === ',') at++
      blank()
      if (open === '[') items.push(value())
      else {
        const key = literal().slice(1)
        blank()
        at++
        pairs.push([key, value()])
      }
    }
    at++
    return open === '{' ? { pairs } : { items }
  }
  return value()
}

/** Takes a member by its name as one kind of parser does. */
type Reader = (object: Said | undefined, name: string) => Said | undefined

const fold = (key: string): string => key.toUpperCase().toLowerCase()
const pairsOf = (object: Said | undefined): readonly (readonly [string, Said])[] =>
  typeof object === 'object' && 'pairs' in object ? object.pairs : []
const readers: Readonly<Record<string, Reader>> = {
  'first wins': (object, name) => pairsOf(object).find(([key]) => key === name)?.[1],
  'last wins': (object, name) => pairsOf(object).findLast(([key]) => key === name)?.[1],
  'first wins, any case': (object, name) =>
    pairsOf(object).find(([key]) => fold(key) === fold(name))?.[1],
  'last wins, any case': (object, name) =>
    pairsOf(object).findLast(([key]) => fold(key) === fold(name))?.[1],
}

/** A map of a whole value: of equal keys the first or the last; names in free data are never folded. */
function settle(said: Said | undefined, last: boolean): unknown {
  if (said === undefined || typeof said === 'string') return said
  if ('items' in said) return said.items.map((item) => settle(item, last))
  const map = new Map<string, unknown>()
  for (const [key, value] of said.pairs)
    if (last || !map.has(key)) map.set(key, settle(value, last))
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1))
}

interface Reading {
  method: unknown
  name: unknown
  args: unknown
  state: unknown
  answers: unknown
}

function reading(text: string, reader: Reader, last: boolean): Reading {
  const message = read(text)
  const params = reader(message, 'params')
  const method = reader(message, 'method')
  const subject = method === '"resources/read' ? 'uri' : 'name'
  return {
    method,
    name: reader(params, subject),
    args: settle(reader(params, 'arguments'), last),
    state: reader(params, 'requestState'),
    answers: settle(reader(params, 'inputResponses'), last),
  }
}

const judged = (call: Call): Reading => ({
  method: `"${call.method}`,
  name: `"${call.subject}`,
  args: call.args === undefined ? undefined : settle(read(call.args), true),
  state: call.requestState === undefined ? undefined : `"${call.requestState}`,
  answers: call.inputResponses === undefined ? undefined : settle(read(call.inputResponses), true),
})

const context = {
  id: 'c',
  principal,
  endpoint: { kind: 'all' } satisfies Endpoint,
  account: unlimitedAccount,
  cancel: { cancelled: false, onCancel: () => () => undefined },
  bytes: 0,
  streams: true,
  relayed: new Set<string>(),
}
const session = {
  revision: '2025-11-25',
  capabilities: noCapabilities,
  logLevel: undefined,
} as const

/** The call that policy would judge, or undefined when the message is refused. */
function decode(text: string): Call | undefined {
  try {
    const envelope = parseEnvelope(text)
    if (envelope.kind !== 'request') return undefined
    return eraOf(envelope, {}) === 'modern'
      ? decodeModern(envelope, undefined, context)
      : decodeLegacy(envelope, session, context)
  } catch (fault) {
    if (fault instanceof GatewayError) return undefined
    throw fault
  }
}

const forwarded = new Set(['tools/call', 'prompts/get', 'resources/read'])

/** Holds that everybody reads what was judged, here and at the server; resolves with whether it was accepted. */
function oneReading(text: string): boolean {
  const call = decode(text)
  if (call === undefined || !forwarded.has(call.method)) return false
  const expected = judged(call)
  for (const [kind, reader] of Object.entries(readers)) {
    const last = kind.startsWith('last')
    const said = reading(text, reader, last)
    // A legacy call may leave out state and answers, which its era does not have; they go nowhere then.
    if (call.era === 'legacy' && call.requestState === undefined) said.state = undefined
    if (call.era === 'legacy' && call.inputResponses === undefined) said.answers = undefined
    expect(said, kind).toEqual(expected)
    for (const era of ['modern', 'legacy'] as const) {
      const request = {
        id: 1,
        call,
        name: call.subject,
        extensions: new Set<string>(),
        requestState: call.requestState,
      }
      const sent = serverCodec.relayedRequest(
        era,
        era === 'modern' ? '2026-07-28' : '2025-11-25',
        request,
      )
      const state = era === 'modern' ? {} : { state: undefined, answers: undefined }
      expect(reading(sent, reader, last), `${kind}, at a ${era} server`).toEqual({
        ...expected,
        ...state,
      })
    }
  }
  return true
}

const version =
  '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}'
const seeds = [
  '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read","arguments":{"path":"/tmp","deep":{"a":[1,{"b":2}]}}}}',
  `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read","arguments":{"n":12345678901234567890},${version}}}`,
  `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read","requestState":"s","inputResponses":{"q":{"action":"accept"}},${version}}}`,
  '{"jsonrpc":"2.0","id":"a","method":"prompts/get","params":{"name":"greet","arguments":{"who":"me"}}}',
  '{"jsonrpc":"2.0","id":2,"method":"resources/read","params":{"uri":"file:///a"}}',
]

const names = [
  'name',
  'method',
  'params',
  'arguments',
  'uri',
  '_meta',
  'id',
  'requestState',
  'inputResponses',
  'jsonrpc',
  'path',
  'action',
]
const otherSpelling = fc.constantFrom<(key: string) => string>(
  (key) => key,
  (key) => key.toUpperCase(),
  (key) => key.charAt(0).toUpperCase() + key.slice(1),
  (key) => key.replace('s', 'ſ'),
  (key) => key.replace('k', '\u212a'),
  (key) =>
    [...key].map((char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`).join(''),
)
const values = fc.constantFrom(
  '"delete"',
  '{"path":"/"}',
  '{}',
  'null',
  '1',
  '"tools/call"',
  '[]',
  '"file:///etc/shadow"',
)
const member = fc
  .tuple(fc.constantFrom(...names), otherSpelling, values)
  .map(([key, spell, value]) => `"${spell(key)}":${value}`)
const mutation = fc.record({ place: fc.nat(), text: member, behind: fc.boolean() })

/** Puts a member into an object of the text, in front or at the end. */
function put(
  text: string,
  { place, text: added, behind }: { place: number; text: string; behind: boolean },
): string {
  const opens = [...text.matchAll(/\{/g)].map(({ index }) => index + 1)
  const closes = [...text.matchAll(/\}/g)].map(({ index }) => index)
  const at = (behind ? closes : opens)[place % opens.length] ?? 1
  const empty = text.slice(0, at).endsWith('{') && text.slice(at).startsWith('}')
  const comma = empty ? '' : ','
  return text.slice(0, at) + (behind ? `${comma}${added}` : `${added}${comma}`) + text.slice(at)
}

describe('a message that is accepted is read in one way', () => {
  test.each(seeds)('as it is: %s', (seed) => {
    expect(oneReading(seed)).toBe(true)
  })

  test('with members added anywhere, in any spelling', () => {
    let accepted = 0
    fc.assert(
      fc.property(
        fc.constantFrom(...seeds),
        fc.array(mutation, { minLength: 1, maxLength: 3 }),
        (seed, mutations) => {
          const text = mutations.reduce(put, seed)
          expect(() => JSON.parse(text)).not.toThrow()
          if (oneReading(text)) accepted++
        },
      ),
      { numRuns: 5_000 },
    )
    expect(accepted).toBeGreaterThan(100)
  })

  test('with characters changed', () => {
    const edit = fc.record({
      at: fc.nat(),
      cut: fc.nat({ max: 2 }),
      put: fc.string({ unit: fc.constantFrom(...'"{}[]:,\\ueNnMmAas0 '), maxLength: 2 }),
    })
    fc.assert(
      fc.property(
        fc.constantFrom(...seeds),
        fc.array(edit, { minLength: 1, maxLength: 3 }),
        (seed, edits) => {
          let text = seed
          for (const { at, cut, put: added } of edits) {
            const from = at % (text.length + 1)
            text = text.slice(0, from) + added + text.slice(from + cut)
          }
          if (decode(text) !== undefined) expect(() => JSON.parse(text)).not.toThrow()
          oneReading(text)
        },
      ),
      { numRuns: 5_000 },
    )
  })
})

test('the readers themselves tell the difference that they must', () => {
  const text = '{"method":"tools/call","params":{"name":"a","name":"b","NAME":"c"}}'
  const found = Object.values(readers).map((reader) => reading(text, reader, false).name)
  expect(found).toEqual(['"a', '"b', '"a', '"c'])
})
