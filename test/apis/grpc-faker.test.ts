/**
 * Arguments made by a schema faker of each Pub/Sub tool's own `inputSchema`, against a server of all its services by
 * another protobuf library: it must understand every call, and its empty answer must fit.
 */

import { createFileRegistry, type DescMessage, fromBinary } from '@bufbuild/protobuf'
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import * as grpc from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { generateSync } from 'json-schema-faker'
import { expect, it } from 'vitest'
import { createEgress } from '../../src/egress/guard.ts'
import { convertGrpc } from '../../src/kinds/grpc/convert/convert.ts'
import { createGrpcExecutor } from '../../src/kinds/grpc/execute/executor.ts'
import { grpcSpec } from '../../src/model/kinds/grpc.ts'
import { patienceMs } from '../patience.ts'
import { documentOf, fixture, readBeside } from './soap-tools.ts'

const protos = fixture('specs/proto')
const files = ['google/pubsub/v1/pubsub.proto', 'google/pubsub/v1/schema.proto']

async function serveAll(): Promise<{
  address: string
  understood: () => number
  stop: () => void
}> {
  const server = new grpc.Server()
  let understood = 0
  const loaded = loadSync(files, { includeDirs: [protos], longs: String, enums: String })
  for (const definition of Object.values(loaded)) {
    if ('format' in definition) continue
    const methods = Object.keys(definition).map((name) => [
      name,
      (_call: unknown, callback: (error: null, value: object) => void) => {
        understood += 1
        callback(null, {})
      },
    ])
    server.addService(definition, Object.fromEntries(methods))
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    )
  })
  return {
    address: `grpc://127.0.0.1:${port}`,
    understood: () => understood,
    stop: () => server.forceShutdown(),
  }
}

/** Keeps the first member of each oneof, which the description asks for in words. */
function oneOfEach(value: unknown, message: DescMessage): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const taken = new Set<string>()
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, one]): [string, unknown][] => {
      const field = message.fields.find(({ jsonName }) => jsonName === key)
      const oneof = field?.oneof?.name
      if (oneof !== undefined && taken.has(oneof)) return []
      if (oneof !== undefined) taken.add(oneof)
      if (field?.message === undefined) return [[key, one]]
      const inner = field.message
      if (Array.isArray(one)) return [[key, one.map((item) => oneOfEach(item, inner))]]
      return [[key, field.fieldKind === 'map' ? one : oneOfEach(one, inner)]]
    }),
  )
}

it('arguments of a faker are understood, each optional one included once', async () => {
  const server = await serveAll()
  const ajv = new Ajv2020({ strict: false })
  addFormats.default(ajv)
  let made = 0
  let unfit = 0
  const misses = new Map<string, string>()
  for (const file of files) {
    const spec = grpcSpec.parse({ address: server.address, proto: `${protos}/${file}` })
    const { tools, common } = await convertGrpc(spec, documentOf(`${protos}/${file}`), readBeside)
    const registry = createFileRegistry(
      fromBinary(FileDescriptorSetSchema, Buffer.from(common.files, 'base64')),
    )
    const executor = createGrpcExecutor({
      server: 'pubsub',
      spec,
      credential: undefined,
      egress: createEgress({ named: ['127.0.0.1'], spec: { hosts: [], networks: [] } }),
      cursors: { seal: (text) => text, open: (text) => text },
      timeoutMs: patienceMs,
      now: Date.now,
    })
    for (const { operation, definition, plan } of tools)
      for (const alwaysFakeOptionals of [true, false, false]) {
        const args = generateSync(definition.inputSchema, {
          alwaysFakeOptionals,
          seed: made + unfit + 1,
        })
        if (!ajv.validate(definition.inputSchema, args)) {
          unfit += 1
          continue
        }
        made += 1
        const message = registry.getMessage(plan.input)
        if (message === undefined) throw new Error(`no ${plan.input}`)
        const answer = await executor.run({
          plan,
          common,
          args: JSON.stringify(oneOfEach(args, message)),
          headers: {},
          principalId: 'key:test',
          signal: AbortSignal.timeout(patienceMs),
          progress: () => undefined,
        })
        const text = answer.body.kind === 'whole' ? answer.body.bytes.toString() : ''
        if (answer.isError) misses.set(operation, text.slice(0, 300))
      }
    await executor.close()
  }
  const understood = server.understood()
  server.stop()
  process.stdout.write(
    `  gRPC faker: ${understood} of ${made} calls, ${unfit} not made; ${JSON.stringify(Object.fromEntries(misses))}\n`,
  )
  expect(made).toBeGreaterThan(60)
  expect([...misses]).toEqual([])
  expect(understood).toBe(made)
})
