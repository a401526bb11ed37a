// A gRPC service behind the gateway: found by reflection and by .proto, called and refused by the public door.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { convertGrpc } from '../../src/kinds/grpc/convert/convert.ts'
import { grpcSpec } from '../../src/model/kinds/grpc.ts'
import { type Lab, labProto, startGrpcJs } from '../apis/grpc-lab.ts'
import { documentOf, fixture, readBeside } from '../apis/soap-tools.ts'
import { eventually, modernCall, modernTool } from './client.ts'
import { everything, startGateway, type TestGateway } from './gateway.ts'
import { dig, names } from './json.ts'

const protos = fileURLToPath(new URL('../fixtures/specs/proto', import.meta.url))
let lab: Lab
let python: Lab
let gateway: TestGateway

beforeAll(async () => {
  const spec = grpcSpec.parse({ address: 'x:1', proto: labProto })
  const { common } = await convertGrpc(spec, documentOf(labProto), readBeside)
  const descriptors = Buffer.from(common.files, 'base64')
  lab = await startGrpcJs({ reflection: 'v1', descriptors, accepted: 'sesame' })
  // What grpcio of Python sends: no names in JSON.
  const file = readFileSync(fixture('grpc/lab.python.b64'), 'utf8')
  python = await startGrpcJs({
    reflection: 'v1alpha',
    descriptors: Buffer.from(file, 'base64'),
    raw: true,
  })
  gateway = await startGateway({
    config: {
      servers: {
        lab: {
          grpc: { address: `grpc://${lab.address}`, stream: { messages: 3 } },
          credential: { bearer: 'sesame' },
        },
        python: { grpc: { address: python.address, plaintext: true } },
        file: { grpc: { address: lab.address, plaintext: true, proto: labProto } },
        pubsub: {
          grpc: {
            address: lab.address,
            plaintext: true,
            proto: `${protos}/google/pubsub/v1/pubsub.proto`,
            root: protos,
          },
        },
      },
    },
    keys: { first: everything },
  })
  await eventually(async () => {
    const listed = await modernCall(gateway.url, gateway.key, 'tools/list')
    const all = names(listed.message, 'tools')
    return ['lab__echo', 'file__echo', 'python__echo', 'pubsub__get_topic'].every((name) =>
      all.includes(name),
    )
  })
})
afterAll(async () => {
  await gateway?.stop()
  await lab?.stop()
  await python?.stop()
})

it('calls of a reflected service go there and back, with the credential as metadata', async () => {
  const { message, text } = await modernTool(gateway.url, gateway.key, 'lab__read', { text: 'q' })
  expect(dig(message, 'result', 'structuredContent'), text).toEqual({
    text: 'q',
    total: '9007199254740993',
  })
  const big = await modernTool(gateway.url, gateway.key, 'file__echo', {
    big: '9223372036854775807',
  })
  expect(dig(big.message, 'result', 'structuredContent', 'big')).toBe('9223372036854775807')
})

it('a server that sends no names in JSON gets its fields, and a float its own digits', async () => {
  const args = { smallReal: 1.1, byRoad: 'on foot', renamed: 'x', maybe: 7 }
  const { message, text } = await modernTool(gateway.url, gateway.key, 'python__echo', args)
  expect(dig(message, 'result', 'structuredContent'), text).toMatchObject({
    smallReal: 1.1,
    byRoad: 'on foot',
    renamed: 'x',
    maybe: 7,
  })
  const lossy = await modernTool(gateway.url, gateway.key, 'python__echo', {
    real: JSON.rawJSON('0.12345678901234567890'),
  })
  expect(lossy.text).toContain('more digits than this field can keep')
})

it('a stream ends where the configuration says', async () => {
  const { message } = await modernTool(gateway.url, gateway.key, 'lab__count', {
    to: 100,
    pauseMs: 1,
  })
  expect(dig(message, 'result', 'structuredContent')).toEqual({
    messages: [1, 2, 3].map((n) => ({ text: `n${n}`, total: String(n) })),
    ended: 'limit',
  })
})

it('what the service refuses, and what does not fit, are errors that say why', async () => {
  const refused = await modernTool(gateway.url, gateway.key, 'lab__fail', { text: 'details' })
  expect(dig(refused.message, 'result', 'isError')).toBe(true)
  expect(refused.text).toContain('INVALID_ARGUMENT')
  const wrong = await modernTool(gateway.url, gateway.key, 'lab__echo', { whole: 'seven' })
  expect(dig(wrong.message, 'result', 'isError')).toBe(true)
  const unknown = await modernTool(gateway.url, gateway.key, 'pubsub__get_topic', { topic: 't' })
  expect(unknown.text).toContain('UNIMPLEMENTED')
})
