/** gRPC tools against servers of other stacks, and what descriptions become. */

import { readdirSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createEgress } from '../../src/egress/guard.ts'
import type { Executor } from '../../src/kinds/api/executor.ts'
import { convertGrpc } from '../../src/kinds/grpc/convert/convert.ts'
import { createGrpcExecutor } from '../../src/kinds/grpc/execute/executor.ts'
import {
  type Conversion,
  ConversionFault,
  conversionCodes,
  type Document,
} from '../../src/model/conversion.ts'
import type { Credential } from '../../src/model/credential.ts'
import {
  type GrpcCommon,
  type GrpcPlan,
  type GrpcSpec,
  grpcSpec,
} from '../../src/model/kinds/grpc.ts'
import { GatewayError } from '../../src/model/refusal.ts'
import { patienceMs, until } from '../patience.ts'
import { type Lab, labProto, startConnect, startGrpcJs, tlsFiles } from './grpc-lab.ts'
import { documentOf, fixture, readBeside } from './soap-tools.ts'

type Converted = Conversion<GrpcPlan, GrpcCommon>

let lab: Converted
const ends: (() => Promise<void>)[] = []

beforeAll(async () => {
  lab = await convert(documentOf(labProto))
})
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

function convert(
  document: Document,
  spec: Partial<GrpcSpec> = {},
  read = readBeside,
): Promise<Converted> {
  return convertGrpc({ ...grpcSpec.parse({ address: 'x:1' }), ...spec }, document, read)
}

const textDocument = (text: string): Document => ({
  location: '/nowhere/x.proto',
  text,
  mediaType: undefined,
})

function ajv(): Ajv2020 {
  const made = new Ajv2020({ strict: false })
  addFormats.default(made)
  return made
}

function checked(conversion: Converted): void {
  const { tools, skipped, notes, operations } = conversion
  expect(tools.length + skipped.length).toBe(operations)
  for (const { definition } of tools) {
    expect(definition.name).toMatch(/^[A-Za-z0-9_-]{1,64}$/)
    for (const schema of [definition.inputSchema, definition.outputSchema])
      if (schema !== undefined) {
        expect(schema['type']).toBe('object')
        ajv().compile(schema)
      }
  }
  for (const { code } of [...skipped, ...notes])
    expect(Object.keys(conversionCodes)).toContain(code)
  expect(structuredClone(conversion)).toEqual(conversion)
}

interface Opened {
  readonly executor: Executor<GrpcPlan, GrpcCommon>
  call(tool: string, args: unknown, more?: Partial<Calling>): Promise<Outcome>
}

interface Calling {
  readonly headers: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  readonly progress: (done: number, total: number | undefined, message: string | undefined) => void
}

interface Outcome {
  readonly isError: boolean
  readonly text: string
  readonly structured: unknown
}

const answerForm = z.looseObject({
  content: z.array(z.looseObject({ text: z.string() })),
  structuredContent: z.unknown().optional(),
})

function open(
  address: string,
  more: Partial<GrpcSpec> = {},
  credential?: Credential,
  timeoutMs = patienceMs,
): Opened {
  const executor = createGrpcExecutor({
    server: 'lab',
    spec: { ...grpcSpec.parse({ address, plaintext: true, proto: labProto }), ...more },
    credential,
    egress: createEgress({ named: ['127.0.0.1', 'localhost'], spec: { hosts: [], networks: [] } }),
    cursors: { seal: (text) => text, open: (text) => text },
    timeoutMs,
    now: Date.now,
  })
  ends.push(() => executor.close())
  return {
    executor,
    async call(name, args, calling = {}) {
      const tool = lab.tools.find(({ definition }) => definition.name === name)
      if (tool === undefined) throw new Error(`no tool ${name}`)
      const json = typeof args === 'string' ? args : JSON.stringify(args)
      fit(tool.definition.inputSchema, JSON.parse(json), 'arguments')
      const answer = await executor.run({
        plan: tool.plan,
        common: lab.common,
        args: json,
        headers: {},
        principalId: 'key:test',
        signal: AbortSignal.timeout(patienceMs),
        progress: () => undefined,
        ...calling,
      })
      if (answer.body.kind !== 'whole') throw new Error('the result is a stream')
      const result = answerForm.parse(JSON.parse(answer.body.bytes.toString()))
      if (!answer.isError && tool.definition.outputSchema !== undefined)
        fit(tool.definition.outputSchema, result.structuredContent, 'answer')
      return {
        isError: answer.isError,
        text: result.content.map(({ text }) => text).join('\n'),
        structured: result.structuredContent,
      }
    },
  }
}

function fit(schema: object, value: unknown, what: string): void {
  const validator = ajv()
  if (!validator.validate(schema, value))
    throw new Error(`${what} do not fit: ${validator.errorsText()} ${JSON.stringify(value)}`)
}

async function serve(start: Promise<Lab>): Promise<Lab> {
  const started = await start
  ends.push(() => started.stop())
  return started
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'answered',
    (thrown: unknown) => {
      if (thrown instanceof GatewayError || thrown instanceof ConversionFault) return thrown.code
      throw thrown
    },
  )
}

const everything = {
  real: 1.5,
  smallReal: -0.25,
  whole: -7,
  big: '-9223372036854775808',
  huge: '18446744073709551615',
  zigzag: '-3',
  fixed: '4',
  yes: true,
  text: 'h\u00e9 <&> \u0000 \u{1F600}',
  blob: 'AAEC/w==',
  colour: 'COLOUR_BLUE',
  colours: ['COLOUR_RED', 'COLOUR_UNSPECIFIED'],
  numbers: ['1', '9007199254740993'],
  byName: { a: { name: 'n', children: [{ name: 'm', children: [] }] } },
  byNumber: { '-5': 'five' },
  tree: { name: 'root', children: [] },
  maybe: 0,
  bySea: { name: 'ship', children: [] },
  at: '2026-03-01T09:30:00.000000001Z',
  lasting: '-1.500s',
  loose: { a: [1, null, { b: true }], c: 'x' },
  anything: [1, 'two'],
  list: [null, false],
  wrapped: '42',
  wrappedText: '',
  mask: 'smallReal,byName',
  any: { '@type': 'type.googleapis.com/example.lab.v1.Question', text: 'inside' },
  renamed: 'odd',
}

describe('descriptions', () => {
  it('Pub/Sub converts, with what its options and comments say', async () => {
    const folder = fixture('specs/proto/google/pubsub/v1')
    const counts: Record<string, [number, number]> = {}
    for (const name of readdirSync(folder).sort()) {
      const conversion = await convert(documentOf(`${folder}/${name}`))
      checked(conversion)
      expect(conversion.notes).toEqual([])
      counts[name] = [conversion.operations, conversion.tools.length]
      expect(conversion.skipped.map(({ operation, code }) => [operation, code])).toEqual(
        name === 'pubsub.proto'
          ? [['google.pubsub.v1.Subscriber/StreamingPull', 'feature_unsupported']]
          : [],
      )
      const byName = new Map(
        conversion.tools.map(({ definition }) => [definition.name, definition]),
      )
      if (name === 'pubsub.proto') {
        expect(byName.get('get_topic')).toMatchObject({
          description: 'Gets the configuration of a topic.',
          annotations: { readOnlyHint: true },
          inputSchema: { required: ['topic'] },
        })
        expect(byName.get('delete_topic')?.annotations).toMatchObject({
          destructiveHint: true,
          idempotentHint: true,
        })
      }
    }
    process.stdout.write(`  protos: ${JSON.stringify(counts)}\n`)
    expect(counts).toEqual({ 'pubsub.proto': [25, 24], 'schema.proto': [10, 10] })
  })

  it('the same service as a descriptor set gives the same tools, but for comments', async () => {
    const set = await convert({
      location: '/x.pb',
      text: lab.common.files,
      base64: true,
      mediaType: undefined,
    })
    checked(set)
    expect(set.tools.map(({ definition }) => definition.name)).toEqual(
      lab.tools.map(({ definition }) => definition.name),
    )
    expect(set.tools.map(({ plan }) => plan)).toEqual(lab.tools.map(({ plan }) => plan))
  })

  it('the golden tools of the lab', async () => {
    checked(lab)
    const shown = { ...lab, common: undefined }
    await expect(
      `${JSON.stringify(shown, undefined, 2)}\n`.replaceAll(fixture('grpc'), ''),
    ).toMatchFileSnapshot(fixture('grpc/lab.golden.txt'))
    expect(lab.skipped.map(({ operation, code }) => [operation, code])).toEqual([
      ['example.lab.v1.Lab/Chat', 'feature_unsupported'],
      ['example.lab.v1.Lab/Collect', 'feature_unsupported'],
    ])
  })

  it('proto2, groups, editions and names in inner scopes', async () => {
    const old = await convert(
      textDocument(`package a.b; message M { required int32 n = 1 [default = 4]; optional group G = 2 { optional string s = 1; } enum E { A = 1; } optional E e = 3; }
        message E2 { optional M.E e = 1; optional .a.b.M m = 2; } service S { rpc Do (M) returns (b.E2); }`),
    )
    checked(old)
    expect(old.tools[0]?.definition.inputSchema).toMatchObject({
      required: ['n'],
      properties: { n: { type: 'integer' }, g: { properties: { s: {} } }, e: { enum: ['A'] } },
    })
    const edition = await convert(
      textDocument(
        'edition = "2023"; message M { int32 n = 1; } service S { rpc Do (M) returns (M); }',
      ),
    )
    checked(edition)
    expect(edition.tools).toHaveLength(1)
  })

  it('what is missing costs only the operations that need it', async () => {
    const conversion = await convert(
      textDocument(`syntax = "proto3"; import "gone/away.proto"; message M { string s = 1; } message N { gone.Away away = 1; }
        service S { rpc Good (M) returns (M); rpc Bad (M) returns (N); rpc Worse (gone.Away) returns (M); }`),
    )
    checked(conversion)
    expect(conversion.tools.map(({ definition }) => definition.name)).toEqual(['good'])
    expect(conversion.skipped.map(({ code }) => code)).toEqual([
      'reference_unresolved',
      'reference_unresolved',
    ])
    expect(conversion.notes.map(({ reason }) => reason)).toEqual([
      expect.stringContaining('gone/away.proto'),
    ])
  })

  it('broken and hostile ones are refused with a code, and imports go through the reader alone', async () => {
    for (const text of [
      '',
      'syntax = "proto3";',
      '{"openapi":"3.1.0"}',
      'message {',
      '<xml/>',
      `message M { ${'message N { '.repeat(2_000)}`,
      '\u0000',
    ])
      expect(
        await refusal(
          convert(textDocument(text)).catch((thrown: unknown) => {
            // A full stack is caught by the worker.
            if (thrown instanceof RangeError)
              throw new ConversionFault('description_invalid', 'deep')
            throw thrown
          }),
        ),
        text.slice(0, 40),
      ).toBe('description_invalid')
    expect(
      await refusal(convert({ location: '/x', text: 'AAAA', base64: true, mediaType: undefined })),
    ).toBe('description_invalid')
    const asked: string[] = []
    const hostile = await convert(
      textDocument(`syntax = "proto3"; import "/etc/passwd"; import "file:///etc/shadow"; import "http://169.254.169.254/x.proto";
        message M { string __proto__ = 1; string constructor = 2; M m = 3; } service S { rpc Do (M) returns (M); }`),
      {},
      (reference) => {
        asked.push(reference)
        return Promise.reject(new ConversionFault('document_refused', 'not allowed', reference))
      },
    )
    checked(hostile)
    expect(asked).toEqual(['/etc/passwd', 'file:///etc/shadow', 'http://169.254.169.254/x.proto'])
    expect(hostile.notes.map(({ code }) => code)).toEqual(Array(3).fill('document_refused'))
    const cyclic = convert(
      textDocument(
        'syntax = "proto3"; package p; import "p/a.proto"; message M {} service S { rpc Do (M) returns (M); }',
      ),
      {},
      (reference) =>
        Promise.resolve({
          location: `/y/${reference}`,
          text: `syntax = "proto3"; import "${reference.endsWith('a.proto') ? 'p/b.proto' : 'p/a.proto'}";`,
          mediaType: undefined,
        }),
    )
    expect(await refusal(cyclic)).toBe('description_invalid')
  })
})

describe('calls', () => {
  it('every kind of field arrives as it was meant, and comes back the same', async () => {
    const server = await serve(startGrpcJs({}))
    const { call } = open(server.address)
    // protobufjs loses 64-bit keys of maps; the other server has them.
    const { byNumber: _, ...most } = everything
    const outcome = await call('echo', most)
    expect(outcome.isError, outcome.text).toBe(false)
    expect(server.last.message).toMatchObject({
      big: '-9223372036854775808',
      huge: '18446744073709551615',
      numbers: ['1', '9007199254740993'],
      colour: 'COLOUR_BLUE',
      maybe: 0,
      text: everything.text,
      bySea: { name: 'ship' },
      at: { seconds: '1772357400', nanos: 1 },
      lasting: { seconds: '-1', nanos: -500_000_000 },
      wrapped: { value: '42' },
      mask: { paths: ['small_real', 'by_name'] },
      oddName_X: 'odd',
    })
    expect(outcome.structured).toEqual({ ...most, byNumber: {} })
  })

  it('integers that JSON numbers would round do not change', async () => {
    const server = await serve(startGrpcJs({}))
    const { call } = open(server.address)
    await call('echo', '{"big":9223372036854775807,"numbers":[9007199254740993,2]}')
    expect(server.last.message).toMatchObject({
      big: '9223372036854775807',
      numbers: ['9007199254740993', '2'],
    })
  })

  it('messages whose JSON is no object stand in "value"', async () => {
    const server = await serve(startGrpcJs({}))
    const { call } = open(server.address)
    expect((await call('later', { value: '3.5s' })).structured).toEqual({
      value: '1970-01-01T00:00:03.500Z',
    })
  })

  it('arguments that make no message are an error that names the field', async () => {
    const server = await serve(startGrpcJs({}))
    const { call } = open(server.address)
    for (const [args, word] of [
      [{ any: { '@type': 'type.googleapis.com/un.Known' } }, 'un.Known'],
      [{ byRoad: 'x', bySea: {} }, 'oneof'],
      [{ numbers: ['99999999999999999999'] }, 'numbers'],
    ] as const) {
      const outcome = await call('echo', args)
      expect(outcome.isError).toBe(true)
      expect(outcome.text).toContain(word)
    }
  })

  it('server streams: progress of each message, and a bounded list', async () => {
    const server = await serve(startGrpcJs({}))
    const told: string[] = []
    const progress = (
      done: number,
      total: number | undefined,
      message: string | undefined,
    ): void => {
      told.push(`${done}/${total} ${message}`)
    }
    const { call } = open(server.address, { stream: { messages: 5, seconds: 10 } })
    const whole = await call('count', { to: 3 }, { progress })
    expect(whole.structured).toEqual({
      messages: [1, 2, 3].map((n) => ({ text: `n${n}`, total: String(n) })),
      ended: 'completed',
    })
    expect(told).toEqual([1, 2, 3].map((n) => `${n}/5 {"text":"n${n}","total":"${n}"}`))
    const cut = await call('count', { to: 100_000, pauseMs: 1 })
    expect(cut.structured).toMatchObject({ ended: 'limit' })
    const short = open(server.address, { stream: { messages: 1_000, seconds: 1 } })
    expect((await short.call('count', { to: 100_000, pauseMs: 400 })).structured).toMatchObject({
      ended: 'time',
    })
    await until(() => server.seen.stopped === 2)
  })

  it('a status is an error with its name, its message and its details', async () => {
    const server = await serve(startGrpcJs({}))
    const { call } = open(server.address)
    const outcome = await call('fail', { text: 'details' })
    expect(outcome.isError).toBe(true)
    expect(outcome.text).toContain('INVALID_ARGUMENT (3): the-reason')
    expect(outcome.text).toContain('"fieldViolations":[{"field":"text","description":"too odd"')
  })

  it('deadlines reach the server and end the call', async () => {
    const server = await serve(startGrpcJs({}))
    const { call } = open(server.address, {}, undefined, 300)
    expect(await refusal(call('slow', {}))).toBe('server_timeout')
    await until(() => server.seen.stopped === 1)
  })

  it('credentials go as metadata, and headers of HTTP do not', async () => {
    const server = await serve(startGrpcJs({ accepted: 'sesame' }))
    const { call } = open(server.address)
    const headers = {
      authorization: 'Bearer sesame',
      'x-tenant': 'acme',
      'x-bytes-bin': 'AAE=',
      host: 'evil',
      te: 'x',
    }
    expect((await call('read', { text: 'q' }, { headers })).structured).toEqual({
      text: 'q',
      total: '9007199254740993',
    })
    expect(server.last.metadata).toMatchObject({
      'x-tenant': 'acme',
      'x-bytes-bin': Buffer.from([0, 1]),
    })
    const refused = await call(
      'read',
      { text: 'q' },
      { headers: { authorization: 'Bearer wrong-secret' } },
    )
    expect(refused.text).toContain('UNAUTHENTICATED')
    expect(refused.text).not.toContain('wrong-secret')
  })

  it('TLS: the certificate is checked, against a name and authorities of the operator', async () => {
    const server = await serve(startGrpcJs({ tls: true }))
    const trusted: Credential = { tls: { ca: tlsFiles.cert } }
    const secure = open(server.address, { plaintext: false, serverName: 'localhost' }, trusted)
    expect((await secure.call('read', { text: 'q' })).isError).toBe(false)
    const port = server.address.split(':')[1]
    const named = open(`grpcs://localhost:${port}`, {}, trusted)
    expect((await named.call('read', { text: 'q' })).isError).toBe(false)
    for (const untrusting of [
      open(server.address, { plaintext: false, serverName: 'localhost' }),
      open(server.address, { plaintext: false, serverName: 'other.example' }, trusted),
      open(server.address, { plaintext: true }),
    ])
      expect(await refusal(untrusting.call('read', { text: 'q' }))).toBe('server_unavailable')
  })

  it('addresses go through the guard', async () => {
    const server = await serve(startGrpcJs({}))
    const executor = createGrpcExecutor({
      server: 'lab',
      spec: grpcSpec.parse({ address: server.address, plaintext: true }),
      credential: undefined,
      egress: createEgress({ named: [], spec: { hosts: [], networks: [] } }),
      cursors: { seal: (text) => text, open: (text) => text },
      timeoutMs: patienceMs,
      now: Date.now,
    })
    ends.push(() => executor.close())
    const described = executor.describe?.(AbortSignal.timeout(patienceMs)) ?? Promise.resolve()
    expect(await refusal(described)).toBe('egress_refused')
    expect(server.seen.read).toBe(0)
  })
})

describe('reflection', () => {
  it.each(['v1', 'v1alpha'] as const)(
    '%s describes the services of a server',
    async (reflection) => {
      const descriptors = Buffer.from(lab.common.files, 'base64')
      const server = await serve(startGrpcJs({ reflection, descriptors }))
      const { executor } = open(server.address, { proto: undefined })
      const description = await executor.describe?.(AbortSignal.timeout(patienceMs))
      if (description === undefined) throw new Error('nothing was described')
      const conversion = await convert(description)
      checked(conversion)
      expect(conversion.tools.map(({ plan }) => plan)).toEqual(lab.tools.map(({ plan }) => plan))
      expect(conversion.operations).toBe(10)
    },
  )

  it('answers that are no descriptors are refused, not crashed on', async () => {
    const garbage = Buffer.from([0x0a, 0x0c, ...Buffer.from('\n\x05x.protoB\x7f')])
    const server = await serve(startGrpcJs({ reflection: 'v1', descriptors: garbage, raw: true }))
    const { executor } = open(server.address, { proto: undefined })
    const described = executor.describe?.(AbortSignal.timeout(patienceMs)) ?? Promise.resolve()
    expect(await refusal(described)).toBe('server_broken')
  })

  it('a server without it says what to do, one that is gone is unavailable', async () => {
    const server = await serve(startGrpcJs({}))
    const { executor } = open(server.address, { proto: undefined })
    expect(
      await refusal(executor.describe?.(AbortSignal.timeout(patienceMs)) ?? Promise.resolve()),
    ).toBe('description_unusable')
    await server.stop()
    const gone = open(server.address, { proto: undefined })
    expect(
      await refusal(gone.executor.describe?.(AbortSignal.timeout(patienceMs)) ?? Promise.resolve()),
    ).toBe('server_unavailable')
  })
})

describe.each([false, true])('a Connect server, TLS %s', (tls) => {
  it('unary, streams and errors', async () => {
    const server = await serve(startConnect(Buffer.from(lab.common.files, 'base64'), { tls }))
    const { call } = open(
      server.address,
      { plaintext: !tls, serverName: 'localhost' },
      tls ? { tls: { ca: tlsFiles.cert } } : undefined,
    )
    const echoed = await call('echo', everything)
    expect(echoed.structured).toEqual(everything)
    const counted = await call('count', { to: 3 })
    expect(counted.structured).toMatchObject({
      ended: 'completed',
      messages: [{ total: '1' }, { total: '2' }, { total: '3' }],
    })
    const failed = await call('fail', { text: 'x' })
    expect(failed.text).toContain('FAILED_PRECONDITION (9): the-reason')
    const missing = await call('later', { value: '1s' })
    expect(missing.text).toContain('UNIMPLEMENTED')
  })
})
