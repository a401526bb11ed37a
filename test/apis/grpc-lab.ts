/** The test service, served by two other stacks: grpc-js with protobufjs, and Connect over node:http2. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
} from 'node:http2'
import { createFileRegistry, fromBinary } from '@bufbuild/protobuf'
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect'
import { connectNodeAdapter } from '@connectrpc/connect-node'
import * as grpc from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { z } from 'zod'
import { fixture } from './soap-tools.ts'

export const labProto = fixture('grpc/lab.proto')
export const tlsFiles = {
  cert: readFileSync(fixture('grpc/tls/cert.pem'), 'utf8'),
  key: readFileSync(fixture('grpc/tls/key.pem'), 'utf8'),
}

export interface Lab {
  /** `127.0.0.1:port` */
  readonly address: string
  /** The last message that it got, as it understood it. */
  readonly last: { message: unknown; metadata: Readonly<Record<string, unknown>> }
  readonly seen: { slow: number; stopped: number; read: number; write: number; counted: number }
  stop(): Promise<void>
}

const question = z.looseObject({ text: z.string().default('') })
const counting = z.looseObject({ to: z.number().default(0), pauseMs: z.number().default(0) })

function newLab(): Pick<Lab, 'last' | 'seen'> {
  return {
    last: { message: undefined, metadata: {} },
    seen: { slow: 0, stopped: 0, read: 0, write: 0, counted: 0 },
  }
}

/** `BadRequest` of google.rpc in a status, as bytes that were written by hand. */
function detailBytes(): Buffer {
  const field = (number: number, bytes: Buffer): Buffer =>
    Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes])
  const text = (number: number, value: string): Buffer => field(number, Buffer.from(value))
  const violation = field(1, Buffer.concat([text(1, 'text'), text(2, 'too odd')]))
  const any = Buffer.concat([
    text(1, 'type.googleapis.com/google.rpc.BadRequest'),
    field(2, violation),
  ])
  return Buffer.concat([Buffer.from([8, 3]), text(2, 'the-reason'), field(3, any)])
}

interface Stream {
  readonly request: unknown
  write(message: object): boolean
  end(): void
  on(event: 'cancelled', listener: () => void): unknown
}

/** grpc-js with messages by protobufjs. */
export async function startGrpcJs(options: {
  readonly tls?: boolean
  readonly accepted?: string
  readonly reflection?: 'v1' | 'v1alpha'
  readonly descriptors?: Buffer
  /** `descriptors` is one file as it is, whatever is asked for. */
  readonly raw?: boolean
}): Promise<Lab> {
  const lab = newLab()
  const loaded = loadSync(labProto, {
    longs: String,
    enums: String,
    defaults: false,
    oneofs: false,
    keepCase: false,
  })
  const service = loaded['example.lab.v1.Lab']
  if (service === undefined || 'format' in service) throw new Error('no service')
  const keep = (call: { request: unknown; metadata: grpc.Metadata }): void => {
    lab.last.message = call.request
    lab.last.metadata = call.metadata.getMap()
  }
  type Unary = grpc.ServerUnaryCall<unknown, unknown>
  type Callback = (error: object | null, value?: unknown) => void
  const server = new grpc.Server()
  server.addService(service, {
    Echo(call: Unary, callback: Callback) {
      keep(call)
      callback(null, call.request)
    },
    Read(call: Unary, callback: Callback) {
      keep(call)
      lab.seen.read += 1
      const given = call.metadata.get('authorization')[0]
      if (options.accepted !== undefined && given !== `Bearer ${options.accepted}`)
        callback({ code: grpc.status.UNAUTHENTICATED, details: `bad token ${String(given)}` })
      else callback(null, { text: question.parse(call.request).text, total: '9007199254740993' })
    },
    Write(call: Unary, callback: Callback) {
      lab.seen.write += 1
      callback(null, { text: question.parse(call.request).text })
    },
    Count(call: Stream) {
      const { to, pauseMs } = counting.parse(call.request)
      let next = 1
      const timer = setInterval(() => {
        lab.seen.counted += 1
        call.write({ text: `n${next}`, total: String(next) })
        next += 1
        if (next <= to) return
        clearInterval(timer)
        call.end()
      }, pauseMs)
      call.on('cancelled', () => {
        clearInterval(timer)
        lab.seen.stopped += 1
      })
    },
    Fail(call: Unary, callback: Callback) {
      const metadata = new grpc.Metadata()
      if (question.parse(call.request).text === 'details')
        metadata.set('grpc-status-details-bin', detailBytes())
      callback({ code: grpc.status.INVALID_ARGUMENT, details: 'the-reason', metadata })
    },
    Slow(call: Unary) {
      lab.seen.slow += 1
      call.on('cancelled', () => {
        lab.seen.stopped += 1
      })
    },
    Huge(_call: Unary, callback: Callback) {
      callback(null, { text: 'x'.repeat(17_000_000) })
    },
    Later(call: grpc.ServerUnaryCall<{ seconds?: string }, unknown>, callback: Callback) {
      callback(null, { seconds: call.request.seconds ?? '0', nanos: 500_000_000 })
    },
    Chat: (call: Stream) => call.end(),
    Collect: (_call: unknown, callback: Callback) => callback(null, {}),
  })
  if (options.reflection !== undefined) addReflection(server, options)
  const credentials =
    options.tls === true
      ? grpc.ServerCredentials.createSsl(null, [
          { private_key: Buffer.from(tlsFiles.key), cert_chain: Buffer.from(tlsFiles.cert) },
        ])
      : grpc.ServerCredentials.createInsecure()
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    )
  })
  return {
    ...lab,
    address: `127.0.0.1:${port}`,
    stop: async () => server.forceShutdown(),
  }
}

/** Reflection by hand: `descriptors` is a FileDescriptorSet; each of its files is `1: bytes` of the set. */
function addReflection(
  server: grpc.Server,
  options: { reflection?: 'v1' | 'v1alpha'; descriptors?: Buffer; raw?: boolean },
): void {
  const { reflection: version = 'v1', descriptors = Buffer.alloc(0), raw = false } = options
  const { file } = raw ? { file: [] } : fromBinary(FileDescriptorSetSchema, descriptors)
  const bytesOf = (index: number): Buffer => {
    // Cut out of the set itself, so that nothing is encoded anew.
    let at = 0
    for (let now = 0; ; now += 1) {
      let length = 0
      let shift = 0
      at += 1
      for (;;) {
        const byte = descriptors[at] ?? 0
        at += 1
        length |= (byte & 0x7f) << shift
        shift += 7
        if (byte < 0x80) break
      }
      if (now === index) return descriptors.subarray(at, at + length)
      at += length
    }
  }
  const varint = (value: number): Buffer => {
    const bytes: number[] = []
    for (let rest = value; ; rest >>>= 7) {
      if (rest < 0x80) return Buffer.from([...bytes, rest])
      bytes.push((rest & 0x7f) | 0x80)
    }
  }
  const field = (number: number, bytes: Buffer): Buffer =>
    Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes])
  const answer = (request: Buffer): Buffer => {
    const kind = (request[0] ?? 0) >> 3
    const name = request.subarray(2).toString()
    if (kind === 7) {
      const services = ['example.lab.v1.Lab', `grpc.reflection.${version}.ServerReflection`]
      return field(6, Buffer.concat(services.map((one) => field(1, field(1, Buffer.from(one))))))
    }
    if (raw) return field(4, field(1, descriptors))
    const index = file.findIndex((one) =>
      kind === 3
        ? one.name === name
        : one.service.some((service) => `${one.package}.${service.name}` === name),
    )
    return index < 0 ? field(7, Buffer.from([8, 5])) : field(4, field(1, bytesOf(index)))
  }
  const asIs = (bytes: Buffer): Buffer => bytes
  server.addService(
    {
      ServerReflectionInfo: {
        path: `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
        requestStream: true,
        responseStream: true,
        requestSerialize: asIs,
        requestDeserialize: asIs,
        responseSerialize: asIs,
        responseDeserialize: asIs,
      },
    },
    {
      ServerReflectionInfo: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => {
        call.on('data', (request: Buffer) => call.write(answer(request)))
        call.on('end', () => call.end())
      },
    },
  )
}

/** Connect's server, which is another HTTP/2 stack. */
export async function startConnect(
  descriptors: Buffer,
  options: { readonly tls?: boolean },
): Promise<Lab> {
  const lab = newLab()
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors))
  const service = registry.getService('example.lab.v1.Lab')
  if (service === undefined) throw new Error('no service')
  const implementation = {
    echo: (request: object) => request,
    read: (request: object) => request,
    async *count(request: object) {
      const { to } = counting.parse(request)
      for (let next = 1; next <= to; next += 1) yield { text: `n${next}`, total: BigInt(next) }
    },
    fail: () => {
      throw new ConnectError('the-reason', Code.FailedPrecondition)
    },
  }
  const routes = (router: ConnectRouter): void => {
    // The types of Connect are made for generated code.
    Reflect.apply(router.service, router, [service, implementation])
  }
  const handler = connectNodeAdapter({ routes })
  const server: Http2Server | Http2SecureServer =
    options.tls === true
      ? createSecureServer({ ...tlsFiles, allowHTTP1: false }, handler)
      : createServer(handler)
  const sessions = new Set<{ destroy(): void }>()
  server.on('session', (session) => sessions.add(session))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const bound = server.address()
  return {
    ...lab,
    address: `127.0.0.1:${typeof bound === 'object' && bound !== null ? bound.port : 0}`,
    stop: async () => {
      for (const session of sessions) session.destroy()
      server.close()
    },
  }
}
