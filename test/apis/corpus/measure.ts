/**
 * Measures what descriptions become: how many operations are tools, how many of these can be called, how large they
 * are in a list, and how many say nothing. "Callable" is decided without our converter's word: a faker fills the
 * required arguments, the product's executor sends, and a server made of the description alone says whether it fits.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { createEgress } from '../../../src/egress/guard.ts'
import { recognisable } from '../../../src/kinds/all.ts'
import { withFilled } from '../../../src/kinds/api/fill.ts'
import { convertJob } from '../../../src/kinds/converters.ts'
import { detect } from '../../../src/kinds/detect.ts'
import {
  type Conversion,
  ConversionFault,
  type ConvertedTool,
  type Document,
  nothingProvided,
  type ReadDocument,
} from '../../../src/model/conversion.ts'
import { type ServerSpecInput, serverSpec } from '../../../src/model/desired-state.ts'
import { readCaps } from '../../../src/registry/description/bounds.ts'
import { DescriptionSource } from '../../../src/registry/description/source.ts'
import { type ApiEntry, apiEntry } from '../../../src/registry/kinds.ts'
import { patienceMs } from '../../patience.ts'
import { sample } from '../openapi-corpus.ts'
import { fake, isSchema, type Schema } from '../round-trip.ts'
import { type Desk, openDesk, type StrictJudge } from './desk.ts'
import type { Figures } from './figures.ts'
import { unknowable } from './stranger.ts'
import { strictOpenapi } from './strict-openapi.ts'
import {
  filesBelow,
  strictAsyncapi,
  strictGraphql,
  strictGrpc,
  strictSoap,
} from './strict-others.ts'

/** The descriptions that are committed. */
export const fixtureFolder = fileURLToPath(new URL('../../fixtures/specs', import.meta.url))

export interface Description {
  readonly set: string
  readonly path: string
  readonly document: Document
}

export interface Measuring {
  readonly descriptions: readonly Description[]
  /** Where they lie; files that they point at are read below it. */
  readonly folder: string
  /** Tools of one description that are called; all when undefined. The same at every run. */
  readonly callsEach?: number
  progress(text: string): void
}

/** The descriptions below a folder, by what their content is; `.gz` is unpacked. */
export function descriptionsBelow(folder: string): readonly Description[] {
  return filesBelow(folder).flatMap((path): Description[] => {
    if (/\.(md|txt|xsd)$/i.test(path)) return []
    const bytes = readFileSync(path)
    const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
    const document = { location: path.replace(/\.gz$/, ''), text, mediaType: undefined }
    const found = detect(recognisable, document)
    if (found === undefined || found.kind === 'sql') return []
    // Files that others import.
    if (found.kind === 'grpc' && !/^\s*service\s+\w+/m.test(text)) return []
    const set = found.what === 'a Swagger description' ? 'openapi-2' : found.kind
    return [{ set, path, document }]
  })
}

/** @returns figures by set */
export async function measure(measuring: Measuring): Promise<Readonly<Record<string, Figures>>> {
  const counts = new Map<string, Count>()
  const desk = await openDesk()
  try {
    for (const description of measuring.descriptions) {
      const count = counts.get(description.set) ?? newCount()
      counts.set(description.set, count)
      count.descriptions++
      await measureOne(description, { measuring, desk, count })
      measuring.progress(
        `${description.path.split('/').at(-1)}: ${count.tools} tools of ${description.set} so far`,
      )
    }
  } finally {
    desk.close()
  }
  return Object.fromEntries([...counts].map(([set, count]) => [set, figuresOf(count)]))
}

interface Count {
  descriptions: number
  operations: number
  tools: number
  judged: number
  callable: number
  bare: number
  readonly refused: Map<string, number>
  readonly skipped: Map<string, number>
  readonly reasons: Map<string, number>
  readonly examples: Map<string, string>
  readonly tokens: number[]
}

function newCount(): Count {
  return {
    descriptions: 0,
    operations: 0,
    tools: 0,
    judged: 0,
    callable: 0,
    bare: 0,
    refused: new Map(),
    skipped: new Map(),
    reasons: new Map(),
    examples: new Map(),
    tokens: [],
  }
}

const add = (map: Map<string, number>, key: string): unknown =>
  map.set(key, (map.get(key) ?? 0) + 1)

interface Work {
  readonly measuring: Measuring
  readonly desk: Desk
  readonly count: Count
}

async function measureOne(description: Description, work: Work): Promise<void> {
  const { count, measuring } = work
  const { path } = description
  let judge: StrictJudge | undefined
  let address = ''
  let unjudged: string | undefined
  try {
    const made = await judgeOf(description, measuring.folder)
    judge = made
    if (made !== undefined && 'address' in made && typeof made.address === 'string')
      address = made.address
  } catch (fault) {
    unjudged = String(fault)
  }
  const entry = entryOf(description, work.desk.authority, address)
  try {
    let conversion: Conversion
    try {
      const provided = { ...nothingProvided, schemas: 'compact' } as const
      const job = { ...entry.of, description: description.document, provided }
      conversion = await convertJob(job, readerOf(description))
    } catch (fault) {
      const code = fault instanceof ConversionFault ? fault.code : 'thrown'
      add(count.refused, code)
      count.examples.set(code, `${path}: ${String(fault).slice(0, 200)}`)
      return
    }
    countConversion(conversion, count)
    const executor = await entry.executor({
      server: 'corpus',
      credential: undefined,
      egress: createEgress({ named: ['127.0.0.1'], spec: { hosts: [], networks: [] } }),
      cursors: { seal: (text) => text, open: (text) => text },
      timeoutMs: patienceMs,
      now: Date.now,
    })
    const { tools } = conversion
    const chosen =
      measuring.callsEach === undefined
        ? tools
        : sample(tools, measuring.callsEach, path.split('/').at(-1) ?? '')
    for (const tool of chosen) {
      const call = async (args: unknown): Promise<unknown> =>
        executor.run({
          plan: tool.plan,
          common: conversion.common,
          args: withFilled(JSON.stringify(args), tool.filled),
          headers: {},
          principalId: 'corpus',
          signal: AbortSignal.timeout(patienceMs),
          progress: () => undefined,
        })
      const said =
        judge === undefined
          ? `no strict server can be made: ${unjudged}`
          : await verdictOf(tool, { set: description.set, judge, desk: work.desk, call })
      const verdict = withNote(said, conversion)
      count.judged++
      if (verdict === 'ok') {
        count.callable++
        continue
      }
      const reason = verdict.split(': ')[0] ?? verdict
      add(count.reasons, reason)
      const before = count.examples.get(reason)
      if (before === undefined)
        count.examples.set(
          reason,
          `${path.split('/').at(-1)} ${tool.operation}: ${verdict.slice(0, 200)}`,
        )
    }
    await executor.close()
  } finally {
    judge?.close?.()
  }
}

/** Tells credentials that the conversion says how to configure from those that nobody is told of. */
function withNote(verdict: string, { notes }: Conversion): string {
  const name = /^asks for a credential: (.*)$/.exec(verdict)?.[1]
  if (name === undefined) return verdict
  const isTold = notes.some(
    ({ code, reason }) =>
      code === 'credential_undeclared' && reason.includes(` ${JSON.stringify(name)} `),
  )
  return `asks for a credential, ${isTold ? 'and the conversion says how to set it' : 'and nothing says so'}: ${name}`
}

function countConversion({ operations, tools, skipped }: Conversion, count: Count): void {
  count.operations += operations
  count.tools += tools.length
  for (const { code } of skipped) add(count.skipped, code)
  for (const tool of tools) {
    count.tokens.push(Math.ceil(Buffer.byteLength(JSON.stringify(tool.definition)) / 4))
    if (isBare(tool)) count.bare++
  }
}

/** Whether the description of a tool has no word beyond the method, the path and the name of its operation. */
function isBare({ operation, definition }: ConvertedTool<unknown>): boolean {
  const known = new Set(wordsOf(`${operation} ${definition.name}`))
  return wordsOf(definition.description ?? '').every((word) => known.has(word))
}

function wordsOf(text: string): readonly string[] {
  return (
    text
      .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? []
  )
}

async function verdictOf(
  tool: ConvertedTool<unknown>,
  by: {
    readonly set: string
    readonly judge: StrictJudge
    readonly desk: Desk
    readonly call: (args: unknown) => Promise<unknown>
  },
): Promise<string> {
  const { set, judge, desk, call } = by
  const { inputSchema } = tool.definition
  try {
    const asked = unknowable({
      inputSchema,
      depth: set === 'soap' ? 4 : 1,
      placeOf: (argument) => judge.placeOf?.(tool.operation, argument),
    })
    if (asked !== undefined) return asked
    const args = fill(withTold(tool.definition))
    if (args === undefined) return 'the faker makes no arguments'
    let answer: unknown
    const sent = async (): Promise<void> => {
      answer = await call(args).catch((fault: unknown) => fault)
    }
    if (set !== 'grpc') {
      const said = await desk.verdict(judge, tool.operation, sent)
      return said ?? `nothing was sent: ${textOf(answer)}`
    }
    await sent()
    return await judge.judge(
      { method: '', url: '', headers: {}, body: Buffer.alloc(0) },
      tool.operation,
    )
  } catch (fault) {
    return `cannot be judged: ${String(fault)}`
  }
}

function textOf(answer: unknown): string {
  if (answer instanceof Error) return `${answer.name} ${answer.message}`
  const body = isSchema(answer) && isSchema(answer['body']) ? answer['body']['bytes'] : undefined
  return Buffer.isBuffer(body) ? body.toString() : JSON.stringify(answer)
}

const ajv = new Ajv2020({ strict: false, logger: false, inlineRefs: false, allErrors: false })

/** A schema that also asks for what the words of the tool ask for: which providers take no alternatives of arguments. */
function withTold({ description = '', inputSchema }: ConvertedTool<unknown>['definition']): Schema {
  const words = `${description}\n${String(inputSchema['description'] ?? '')}`
  const told = /^(?:Needs at least|Give exactly) one of: ([^.:]+?)(?:, or [^.]+)?\.$/m.exec(
    words,
  )?.[1]
  const first = told?.split(/,? and /) ?? []
  const names = told?.includes(', ') === true ? [told.split(', ')[0]] : first
  const required = Array.isArray(inputSchema['required']) ? inputSchema['required'] : []
  return names.length === 0 ? inputSchema : { ...inputSchema, required: [...required, ...names] }
}

/** Required arguments only. Undefined when the faker makes none that the schema takes. */
function fill(schema: Schema): unknown {
  const required = Array.isArray(schema['required']) ? schema['required'] : []
  const conditions = ['allOf', 'anyOf', 'oneOf', 'not', 'if', 'minProperties', 'dependentRequired']
  const isPlain = conditions.every((keyword) => schema[keyword] === undefined)
  if (required.length === 0 && isPlain) return {}
  const small = isPlain ? trimmed(schema, new Set(required)) : schema
  const validate = ajv.compile(small)
  try {
    return fake(small, false, validate)
  } finally {
    ajv.removeSchema(small)
  }
}

/** The same schema with these properties only, and the definitions that they need. */
function trimmed(schema: Schema, names: ReadonlySet<unknown>): Schema {
  const properties = isSchema(schema['properties']) ? schema['properties'] : {}
  const kept = Object.fromEntries(Object.entries(properties).filter(([name]) => names.has(name)))
  const all = isSchema(schema['$defs']) ? schema['$defs'] : {}
  const defs: Record<string, unknown> = {}
  const open: unknown[] = [kept]
  for (let part = open.pop(); part !== undefined; part = open.pop())
    for (const [, name = ''] of JSON.stringify(part).matchAll(/"\$ref":"#\/\$defs\/([^"]+)"/g)) {
      if (name in defs || all[name] === undefined) continue
      defs[name] = all[name]
      open.push(all[name])
    }
  return { ...schema, properties: kept, ...(Object.keys(defs).length === 0 ? {} : { $defs: defs }) }
}

function judgeOf(
  { set, path, document }: Description,
  folder: string,
): StrictJudge | undefined | Promise<StrictJudge> {
  switch (set) {
    case 'graphql':
      return strictGraphql(document.text)
    case 'soap':
      return strictSoap(path)
    case 'grpc':
      return strictGrpc(path, folder)
    case 'asyncapi':
      return strictAsyncapi(document.text)
    default:
      return strictOpenapi(document.text)
  }
}

function entryOf({ set, document }: Description, authority: string, grpcAddress: string): ApiEntry {
  const { location, text } = document
  const url = `http://${authority}`
  const open = (spec: ServerSpecInput): ApiEntry => {
    const entry = apiEntry(serverSpec.parse(spec), '/')
    if (entry === undefined) throw new Error('it is no API')
    return entry
  }
  switch (set) {
    case 'graphql':
      return open({ graphql: { url, schema: location, subscriptions: { transport: 'sse' } } })
    case 'soap':
      return open({ soap: { wsdl: location, endpoint: url } })
    case 'grpc':
      return open({
        grpc: {
          address: grpcAddress === '' ? `grpc://${authority}` : grpcAddress,
          proto: location,
        },
      })
    case 'asyncapi': {
      const isHttp = /\bprotocol["']?\s*:\s*["']?(https?|mercure)\b/.test(text)
      return open({ asyncapi: { spec: location, url: isHttp ? url : `ws://${authority}` } })
    }
    default:
      return open({ openapi: { spec: location, baseUrl: url } })
  }
}

/** Reads files beside the description as the product does, and nothing from the network. */
function readerOf({ path }: Description): ReadDocument {
  const source = new DescriptionSource({
    place: path,
    widens: true,
    egress: createEgress({ named: [], spec: { hosts: [], networks: [] } }),
    caps: readCaps,
    credential: { origin: '', headers: {} },
    tls: undefined,
  })
  const never = new AbortController().signal
  let begun: Promise<unknown> | undefined
  return async (reference, from) => {
    if (/^https?:/i.test(reference) || /^https?:/i.test(from))
      throw new ConversionFault('document_refused', 'nothing is fetched here', reference)
    begun ??= source.describe(never, false)
    await begun
    return source.read(reference, from)
  }
}

function figuresOf(count: Count): Figures {
  const tokens = [...count.tokens].sort((a, b) => a - b)
  const at = (share: number): number =>
    tokens[Math.max(0, Math.ceil(tokens.length * share) - 1)] ?? 0
  const sorted = (map: Map<string, number>): Record<string, number> =>
    Object.fromEntries([...map].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])))
  const { descriptions, operations, tools, judged, callable, bare } = count
  return {
    descriptions,
    operations,
    tools,
    judged,
    callable,
    bare,
    tokens: { median: at(0.5), p99: at(0.99), max: at(1) },
    refused: sorted(count.refused),
    skipped: sorted(count.skipped),
    reasons: sorted(count.reasons),
    examples: Object.fromEntries(count.examples),
  }
}
