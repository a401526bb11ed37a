import { expect, it } from 'vitest'
import type { ServerMessage } from '../model/codec.ts'
import { provesModern } from './opening.ts'

const refused = (data: string): ServerMessage => ({
  kind: 'error',
  id: '1',
  code: -32022,
  message: 'Unsupported protocol version',
  data,
})
const result = (text: string): ServerMessage => ({
  kind: 'result',
  id: '1',
  bytes: Buffer.from(text),
  start: 0,
  end: text.length,
  resultType: undefined,
  isError: false,
  extras: [],
})

it.each([
  ['a list with our revision', result('{"supportedVersions":["2026-07-28"]}'), true],
  ['one without', result('{"supportedVersions":["2030-01-01"],"requested":"2026-07-28"}'), false],
  ['a text that names it', result('{"note":"\\"supportedVersions\\"","v":"2026-07-28"}'), false],
  ['a refusal that lists it', refused('{"supported":["2025-11-25","2026-07-28"]}'), true],
  [
    'one that says what was asked',
    refused('{"supported":["2025-11-25"],"requested":"2026-07-28"}'),
    false,
  ],
  ['no answer', undefined, false],
])('proves a modern server: %s', (_, message, proves) => {
  expect(provesModern(message)).toBe(proves)
})
