import { expect, test } from 'vitest'
import { serverCodec } from './server-codec.ts'

test('keys beside a result are what their bytes say, and never members of the envelope', () => {
  const text =
    '{"jsonrpc":"2.0","id":5,"result":{"content":[]},"\\u0169d":99,"\\u0172esult":{},"\\u00e9":1,"ü":2}'
  const message = serverCodec.decode(Buffer.from(text))
  expect(message).toMatchObject({ kind: 'result', id: '5' })
  expect(message.kind === 'result' && message.extras).toEqual([
    { key: 'ũd', raw: '99' },
    { key: 'Ųesult', raw: '{}' },
    { key: 'é', raw: '1' },
    { key: 'ü', raw: '2' },
  ])
})
