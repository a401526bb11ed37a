/** The arguments of a call as what is sent, and as the request that opens the channel. */
import { randomInt, randomUUID } from 'node:crypto'
import { exactNumbers } from '../../../kit/exact-numbers.ts'
import { scanObject } from '../../../kit/json-scan.ts'
import { type AsyncApiPlan, streamBounds } from '../../../model/kinds/asyncapi.ts'
import { memberOf, valueAt } from './fit.ts'

const depthMax = 64

/** What an argument cannot be; told to the caller. */
export class ArgumentFault extends Error {}

export interface Given {
  readonly values: Readonly<Record<string, unknown>>
  /** Raw JSON of an argument. */
  raw(name: string): string | undefined
}

export function readGiven(args: string): Given {
  const members = scanObject(args, {}, { depthMax, refuseDuplicates: 'exact' })
  const parsed: unknown = JSON.parse(args, exactNumbers)
  return {
    values: typeof parsed === 'object' && parsed !== null ? { ...parsed } : {},
    raw(name) {
      const member = members.find(({ key }) => key === name)
      return member === undefined ? undefined : args.slice(member.start, member.end)
    },
  }
}

export function numberOf(given: Given, name: string, preset: number, max: number): number {
  const value = given.values[name]
  return typeof value === 'number' ? Math.min(value, max) : preset
}

/** The address with its parameters; each is data and adds neither a path segment nor a parameter. @throws ArgumentFault */
export function addressOf(plan: AsyncApiPlan, given: Given): URL {
  const inPath = new Map(
    plan.parameters
      .filter((parameter) => parameter.in === 'path')
      .map(({ name, argument }) => [name, given.values[argument]]),
  )
  const path = plan.path.replace(/\{([^{}]{1,100})\}/g, (whole, name: string) => {
    const value = inPath.get(name)
    if (value === undefined) return inPath.has(name) ? '' : whole
    const text = textOf(value)
    // A dot segment, however it is escaped, would leave the channel (WHATWG URL, section 4.1).
    if (/^\.{1,2}$/.test(text)) throw new ArgumentFault(`Argument ${name}: ${text} is no name.`)
    return encodeURIComponent(text)
  })
  // Only path and query are ever set: no argument leads to another host.
  const url = new URL(plan.url)
  if (plan.topic !== undefined) {
    url.searchParams.append(plan.topic, path)
    return url
  }
  const [place = '', ...query] = path.split('?')
  url.pathname = `${url.pathname.replace(/\/+$/, '')}${place.startsWith('/') || place === '' ? '' : '/'}${place}`
  if (query.length > 0) url.search += `${url.search === '' ? '?' : '&'}${query.join('?')}`
  for (const { name, argument } of plan.parameters.filter((one) => one.in === 'query')) {
    const value = given.values[argument]
    if (value === undefined || value === null) continue
    for (const entry of Array.isArray(value) ? value : [value])
      url.searchParams.append(name, textOf(entry))
  }
  return url
}

/** @throws ArgumentFault for what no header can hold */
export function headersOfArguments(plan: AsyncApiPlan, given: Given): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const { name, argument } of plan.parameters.filter((one) => one.in === 'header')) {
    const value = given.values[argument]
    if (value === undefined || value === null) continue
    const text = textOf(value)
    // RFC 9110 section 5.5: visible characters, spaces and tabs.
    if (!/^[\t\x20-\x7e]*$/.test(text))
      throw new ArgumentFault(`Argument ${argument}: a header holds printable ASCII only.`)
    headers[name.toLowerCase()] = text
  }
  return headers
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value.toWellFormed() : (JSON.stringify(value) ?? '')
}

export interface Outgoing {
  readonly text: string
  /** JSON text of the correlation id that it carries. */
  readonly id: string | undefined
}

/** The message as the caller wrote it; a correlation id is put into it where it carries one and has none. */
export function outgoingOf(plan: AsyncApiPlan, given: Given): Outgoing {
  const raw = given.raw(plan.own.message) ?? 'null'
  const value = given.values[plan.own.message]
  if (!plan.json) return { text: textOf(value), id: undefined }
  const { correlation } = plan
  if (correlation === undefined) return { text: raw, id: undefined }
  const present = valueAt(value, correlation.path)
  if (present !== undefined) return { text: raw, id: JSON.stringify(present) }
  const id = correlation.type === 'integer' ? randomInt(1, 2 ** 31) : randomUUID()
  const text = withValue(value, correlation.path, id)
  return text === undefined ? { text: raw, id: undefined } : { text, id: JSON.stringify(id) }
}

/** The JSON text of a value with another one put in; undefined when its parents are no objects. */
function withValue(
  value: unknown,
  path: readonly string[],
  put: string | number,
): string | undefined {
  const build = (inner: unknown, depth: number): unknown => {
    const key = path[depth]
    if (key === undefined) return put
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return undefined
    const member = build(memberOf(inner, key) ?? (depth + 1 < path.length ? {} : null), depth + 1)
    return member === undefined ? undefined : { ...inner, [key]: member }
  }
  const built = build(value, 0)
  return built === undefined ? undefined : JSON.stringify(built)
}

/** Messages that are sent before messages are taken. */
export function firstMessages(plan: AsyncApiPlan, given: Given): readonly string[] {
  const list = given.values[plan.own.first]
  if (!Array.isArray(list)) return []
  return list
    .slice(0, streamBounds.firstMax)
    .map((entry) => (typeof entry === 'string' && !plan.json ? entry : JSON.stringify(entry)))
}
