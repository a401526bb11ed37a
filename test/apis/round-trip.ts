/**
 * Round trips against a server by others: Stoplight Prism serves the same description and validates what arrives.
 * Arguments come from json-schema-faker, made of the tool's own `inputSchema`; converter and executor do the rest.
 */

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { generateSync } from 'json-schema-faker'
import { expect } from 'vitest'
import { z } from 'zod'
import { createEgress } from '../../src/egress/guard.ts'
import type { Executor } from '../../src/kinds/api/executor.ts'
import { createRestExecutor } from '../../src/kinds/openapi/execute/executor.ts'
import { openapiSpec, type RestCommon, type RestPlan } from '../../src/model/kinds/openapi.ts'
import { patienceMs } from '../patience.ts'
import {
  convertText,
  corpus,
  type RestConversion,
  type RestTool,
  sample,
} from './openapi-corpus.ts'

/** `ok`, or why a call was not accepted. */
export type Verdict = string

export interface RoundTrips {
  /** Operations that became tools. */
  readonly operations: number
  /** Operations of which a call was not accepted, with the reason. */
  readonly missed: Readonly<Record<string, Verdict>>
}

export interface Prism {
  readonly address: string
  stop(): Promise<void>
}

const ready = z.object({ address: z.string(), operations: z.number() })

async function startPrism(
  description: unknown,
  kind: 'verdicts' | 'answers' = 'verdicts',
): Promise<Prism> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-prism-'))
  const file = join(folder, 'description.json')
  writeFileSync(file, JSON.stringify(description))
  const script = fileURLToPath(new URL('prism-server.mjs', import.meta.url))
  const child = fork(script, [file, kind], { execArgv: ['--max-old-space-size=2000'] })
  const end = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    }
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const told: unknown = await Promise.race([
      once(child, 'message').then(([message]: unknown[]) => message),
      once(child, 'exit').then(() => Promise.reject(new Error('Prism ended at its start'))),
    ])
    return { address: ready.parse(told).address, stop: end }
  } catch (fault) {
    await end()
    throw fault
  }
}

export type Schema = Readonly<Record<string, unknown>>

export function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const ajv = new Ajv2020({ strict: false, logger: false, inlineRefs: false, allErrors: false })
const seedsMax = 12

/** Formats that Prism checks and the faker does not know. */
const formats = {
  url: () => 'https://example.com/a?b=c',
  'uri-reference': () => '/a?b=c',
  byte: () => 'YWJj',
  password: () => 'pass-word',
  duration: () => 'P1D',
  'iso-duration': () => 'P1D',
}

/** Prism takes an empty text for one that is not there, so texts have a character. A copy, which is plain data. */
function withText(schema: unknown): Schema {
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk)
    if (!isSchema(value)) return value
    const copy = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, walk(inner)]))
    // The faker knows nothing of what stands in a text.
    if (copy['contentEncoding'] === 'base64') return { enum: ['YWJj'] }
    if (isSchema(copy['properties']) && isSchema(copy['properties']['mediaType']))
      copy['properties'] = { ...copy['properties'], mediaType: { enum: ['image/png'] } }
    const isText =
      copy['type'] === 'string' && copy['enum'] === undefined && copy['const'] === undefined
    return isText &&
      copy['pattern'] === undefined &&
      copy['minLength'] === undefined &&
      copy['maxLength'] !== 0
      ? { ...copy, minLength: 1 }
      : copy
  }
  const result = walk(schema)
  return isSchema(result) ? result : {}
}

/** Arguments that the schema takes: required ones only, or every top-level one. Undefined when the faker makes none. */
export function fake(schema: Schema, full: boolean, validate: ValidateFunction): unknown {
  const properties = isSchema(schema['properties']) ? schema['properties'] : {}
  const wanted = full ? { ...schema, required: Object.keys(properties) } : schema
  for (let seed = 1; seed <= seedsMax; seed++) {
    try {
      const value: unknown = generateSync(withText(wanted), {
        seed,
        alwaysFakeOptionals: false,
        optionalsProbability: full && seed % 2 === 1 ? 0.4 : 0,
        fillProperties: false,
        useDefaultValue: false,
        useExamplesValue: seed > 4,
        maxDefaultItems: 2,
        refDepthMin: 0,
        refDepthMax: seed < seedsMax / 2 ? 2 : 6,
        maxDepth: seed < seedsMax / 2 ? 6 : 12,
        formats,
      })
      if (validate(value)) return value
    } catch {
      // Another seed may take another alternative.
    }
  }
  return undefined
}

const told = z.object({
  structuredContent: z.object({ operation: z.string(), violations: z.array(z.string()) }),
})

export interface Trip {
  readonly conversion: RestConversion
  readonly origin: string
  /** Only these operations; all when undefined. */
  readonly only?: ReadonlySet<string>
}

function newExecutor(): Executor<RestPlan, RestCommon> {
  return createRestExecutor({
    server: 'prism',
    spec: openapiSpec.parse({ spec: 'api.json' }),
    credential: undefined,
    egress: createEgress({ named: ['127.0.0.1'], spec: { hosts: [], networks: [] } }),
    cursors: { seal: (text) => text, open: (text) => text },
    timeoutMs: patienceMs,
    now: Date.now,
  })
}

/** Calls every tool twice. */
async function roundTrips({ conversion, origin, only }: Trip): Promise<RoundTrips> {
  const executor = newExecutor()
  const call = async (tool: RestTool, args: unknown): Promise<Verdict> => {
    const answer = await executor.run({
      plan: { ...tool.plan, baseUrl: origin },
      common: conversion.common,
      args: JSON.stringify(args),
      headers: {},
      principalId: 'test',
      signal: AbortSignal.timeout(patienceMs),
      progress: () => undefined,
    })
    const text = answer.body.kind === 'whole' ? answer.body.bytes.toString() : ''
    if (answer.isError) return text.slice(0, 700)
    const parsed = told.safeParse(JSON.parse(text))
    if (!parsed.success) return `an answer that is not Prism's: ${text.slice(0, 300)}`
    const { operation } = parsed.data.structuredContent
    return sameOperation(operation, tool.operation) ? 'ok' : `met ${operation}`
  }
  const missed: Record<string, Verdict> = {}
  const tools = conversion.tools.filter(({ operation }) => only?.has(operation) ?? true)
  for (const tool of tools) {
    const { inputSchema } = tool.definition
    const validate = ajv.compile(inputSchema)
    for (const full of [false, true]) {
      const args = fake(inputSchema, full, validate)
      const verdict =
        args === undefined
          ? 'the faker makes no arguments that the schema takes'
          : await call(tool, args).catch((fault: unknown) => String(fault))
      if (verdict !== 'ok') {
        missed[tool.operation] = `${full ? 'full' : 'required'}: ${verdict}`
        break
      }
    }
    ajv.removeSchema(inputSchema)
  }
  await executor.close()
  return { operations: tools.length, missed }
}

/** Prism answers the operation whose template fits; names of parameters and what follows a # or ? say nothing. */
function sameOperation(met: string, wanted: string): boolean {
  const plain = (key: string): string => key.replace(/[?#].*$/, '').replace(/\{[^}]*\}/g, '{}')
  return plain(met) === plain(wanted)
}

const methods: ReadonlySet<string> = new Set([
  'get',
  'put',
  'post',
  'delete',
  'options',
  'head',
  'patch',
  'trace',
])

/** The description with these operations only, and what they point at, in other operations too. */
function cutTo(description: Schema, operations: ReadonlySet<string>): Schema {
  const paths = isSchema(description['paths']) ? description['paths'] : {}
  // What differs by a fragment only is one operation to a server.
  const wanted = new Set([...operations].map((key) => key.replace(/#.*$/, '')))
  const kept: Record<string, unknown> = {}
  for (const [path, item] of Object.entries(paths)) {
    if (!isSchema(item)) continue
    const members = Object.entries(item).filter(
      ([key]) =>
        !methods.has(key) || wanted.has(`${key.toUpperCase()} ${path}`.replace(/#.*$/, '')),
    )
    if (members.some(([key]) => methods.has(key))) kept[path] = Object.fromEntries(members)
  }
  const components: Record<string, Record<string, unknown>> = {}
  const { paths: _, components: all, ...rest } = description
  const open: unknown[] = [rest, kept]
  for (let part = open.pop(); part !== undefined; part = open.pop())
    for (const [, pointer = ''] of JSON.stringify(part).matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      const [root, first = '', second = ''] = pointer
        .split('/')
        .map((step) => decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~'))
      if (root === 'paths') {
        if (kept[first] === paths[first]) continue
        kept[first] = paths[first]
        open.push(kept[first])
      } else if (isSchema(all) && isSchema(all[first])) {
        components[first] ??= {}
        if (second in components[first]) continue
        components[first][second] = all[first][second]
        open.push(components[first][second] ?? {})
      }
    }
  return { ...rest, paths: kept, components: { ...securityOf(all), ...components } }
}

function securityOf(components: unknown): Schema {
  return isSchema(components) && isSchema(components['securitySchemes'])
    ? { securitySchemes: components['securitySchemes'] }
    : {}
}

/** Ten large descriptions, with how many operations each has. Prism needs minutes for some of the others (see the README). */
export const largeDescriptions: Readonly<Record<string, number>> = {
  'github.com__api.github.com': 845,
  'atlassian.com__jira': 499,
  'zoom.us': 373,
  'digitalocean.com': 290,
  'box.com': 260,
  'twilio.com__api': 195,
  'slack.com': 174,
  'asana.com': 167,
  'rudder.example.local': 150,
  'adyen.com__ManagementService-v3': 132,
}

const baselineFile = fileURLToPath(new URL('round-trip-baseline.json', import.meta.url))
const baselineForm = z.object({
  /** Why a call is not accepted, by a short name. */
  reasons: z.record(z.string(), z.string()),
  /** By description and operation: the short name of the reason. */
  missed: z.record(z.string(), z.record(z.string(), z.string())),
})

export type Baseline = z.infer<typeof baselineForm>

export function readBaseline(): Baseline {
  return baselineForm.parse(JSON.parse(readFileSync(baselineFile, 'utf8')))
}

export interface Outcome {
  readonly operations: number
  readonly accepted: number
  /** Missed, and not in the baseline. */
  readonly unexplained: Readonly<Record<string, Verdict>>
  /** In the baseline, and accepted. */
  readonly stale: readonly string[]
}

export interface Answers {
  /** Successes of tools with an output schema. */
  readonly checked: number
  /** Those whose `structuredContent` a client that checks it would refuse. */
  readonly broken: Readonly<Record<string, string>>
}

const success = z.object({
  isError: z.literal(true).optional(),
  structuredContent: z.record(z.string(), z.unknown()).optional(),
})

/**
 * What Prism makes up as answers of `count` operations, held against the output schemas of the tools. Many of them do
 * not fit what the description promises, which is why an output schema lets any object pass.
 */
export async function tryAnswers(name: string, count: number): Promise<Answers> {
  const { description, chosen } = readLarge(name, count)
  const [prism, conversion] = await Promise.all([
    startPrism(description, 'answers'),
    convertText(JSON.stringify(description)),
  ])
  const executor = newExecutor()
  const broken: Record<string, string> = {}
  let checked = 0
  try {
    for (const tool of conversion.tools) {
      const { inputSchema, outputSchema } = tool.definition
      if (outputSchema === undefined || !chosen.has(tool.operation)) continue
      const args = fake(inputSchema, false, ajv.compile(inputSchema))
      const answer = await executor.run({
        plan: { ...tool.plan, baseUrl: prism.address },
        common: conversion.common,
        args: JSON.stringify(args ?? {}),
        headers: {},
        principalId: 'test',
        signal: AbortSignal.timeout(patienceMs),
        progress: () => undefined,
      })
      const text = answer.body.kind === 'whole' ? answer.body.bytes.toString() : '{}'
      const result = success.safeParse(JSON.parse(text))
      if (result.data?.isError === true) continue
      checked++
      const validate = ajv.compile(outputSchema)
      if (!result.success || !validate(result.data.structuredContent))
        broken[tool.operation] = `${ajv.errorsText(validate.errors)}: ${text.slice(0, 300)}`
      ajv.removeSchema(inputSchema).removeSchema(outputSchema)
    }
  } finally {
    await executor.close()
    await prism.stop()
  }
  return { checked, broken }
}

/** A large description, cut to `count` operations that are the same at every run, or whole. */
function readLarge(
  name: string,
  count: number | undefined,
): { readonly description: Schema; readonly chosen: ReadonlySet<string> } {
  const entry = corpus('openapi').find((one) => one.name === `openapi/${name}.json`)
  if (entry === undefined) throw new Error(`${name} is not among the descriptions`)
  const whole: unknown = JSON.parse(entry.text)
  if (!isSchema(whole)) throw new Error(`${name} is no object`)
  const keys = operationsOf(whole)
  expect(keys.length).toBe(largeDescriptions[name])
  const chosen = new Set(count === undefined ? keys : sample(keys, count, name))
  return { description: count === undefined ? whole : cutTo(whole, chosen), chosen }
}

/** One description against Prism: `count` operations, or all of them. */
export async function tryDescription(name: string, count?: number): Promise<Outcome> {
  const { description, chosen } = readLarge(name, count)
  const [prism, conversion] = await Promise.all([
    startPrism(description),
    convertText(JSON.stringify(description)),
  ])
  try {
    const { operations, missed } = await roundTrips({
      conversion,
      origin: prism.address,
      only: chosen,
    })
    expect(operations).toBe(chosen.size)
    const known = readBaseline().missed[name] ?? {}
    return {
      operations,
      accepted: operations - Object.keys(missed).length,
      unexplained: Object.fromEntries(Object.entries(missed).filter(([key]) => !(key in known))),
      stale: Object.keys(known).filter((key) => chosen.has(key) && !(key in missed)),
    }
  } finally {
    await prism.stop()
  }
}

function operationsOf(description: Schema): readonly string[] {
  const paths = isSchema(description['paths']) ? description['paths'] : {}
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.keys(isSchema(item) ? item : {})
      .filter((key) => methods.has(key))
      .map((key) => `${key.toUpperCase()} ${path}`),
  )
}
