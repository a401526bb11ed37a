/** Follows the links that a description names (OpenAPI Link Object) with what a call and its answer say. */

import type { IncomingHttpHeaders } from 'node:http'
import { pointerKey } from '../../../kit/json-pointer.ts'
import type {
  RestExpression,
  RestLink,
  RestLinkArgument,
  RestLinkValue,
  RestPlan,
} from '../../../model/kinds/openapi.ts'
import { Arguments, isPrimitive, parseValue, textOf, type Value } from './arguments.ts'

export interface Answered {
  readonly plan: RestPlan
  /** Raw JSON object of the arguments. */
  readonly args: string
  /** What was asked, without credentials. */
  readonly url: URL
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** Parsed JSON of `body`, undefined when it is none. */
  readonly value: unknown
  /** `value` and `body` are only the scalars of a large answer that are looked at; its objects are none of its. */
  readonly isOutline: boolean
  /** The name under which the caller may call another tool; undefined when it may not. */
  readonly nameOf: (tool: string) => string | undefined
}

/** What is told: arguments of the next page, and calls of other tools. */
export interface Followed {
  readonly page: string | undefined
  readonly calls: readonly string[]
}

const callsMax = 5
const valueCharsMax = 2_000
const lineCharsMax = 4_000

export function followLinks(answered: Answered): Followed {
  const links = linksOf(answered.plan.links ?? [], answered.status)
  if (links.length === 0) return { page: undefined, calls: [] }
  const evaluation = new Evaluation(answered)
  let page: string | undefined
  const calls = new Set<string>()
  for (const link of links) {
    const isPage = link.leads === 'page'
    if (isPage ? page !== undefined || evaluation.saysLast : calls.size === callsMax) continue
    const values = evaluation.arguments(link)
    if (values === undefined) continue
    const said = values.map(([argument, json]) => `${argument} = ${json}`).join(', ')
    if (said.length > lineCharsMax) continue
    if (isPage) page = said
    else {
      const name = answered.nameOf(link.tool)
      if (name !== undefined)
        calls.add(`Next you can call ${name}${said === '' ? '' : ` with ${said}`}.`)
    }
  }
  return { page, calls: [...calls] }
}

/** Those of the response that fits best: a code before a range before the default (OpenAPI 3.1 section 4.8.16). */
function linksOf(links: readonly RestLink[], status: number): readonly RestLink[] {
  for (const wanted of [String(status), `${String(status)[0]}XX`, 'default']) {
    const found = links.filter((link) => link.status === wanted)
    if (found.length > 0) return found
  }
  return []
}

/** JSON pointers (RFC 6901) of everything in an answer that links look at. */
export function linkScalars({ links = [] }: RestPlan): readonly string[] {
  const expressions = links.flatMap((link) =>
    link.arguments.flatMap(({ value }) =>
      value.kind === 'text' ? value.parts.filter((part) => typeof part !== 'string') : [value],
    ),
  )
  const pointers = expressions.flatMap((one) =>
    one.kind === 'body' ? [one.pointer.map((key) => `/${pointerKey(key)}`).join('')] : [],
  )
  return [...pointers, ...lastNames.map((name) => `/${name}`)]
}

const lastNames = ['has_more', 'hasMore', 'has_next', 'hasNext']

class Evaluation {
  private readonly answered: Answered
  private readonly given: Arguments
  private exact: { readonly value: Value | undefined } | undefined

  constructor(answered: Answered) {
    this.answered = answered
    this.given = new Arguments(answered.args)
  }

  /** The answer says itself that nothing follows. */
  get saysLast(): boolean {
    return lastNames.some((name) => inside(this.answered.value, [name]) === false)
  }

  /**
   * Arguments with their JSON; an expression without a value gives no argument. Undefined when one that is needed is
   * missing, or when it is the call that was made.
   */
  arguments(link: RestLink): readonly (readonly [string, string])[] | undefined {
    const told: (readonly [string, string])[] = []
    for (const one of link.arguments) {
      const json = this.json(one)
      if (json !== undefined) told.push([one.argument, json])
      else if (one.required && link.leads === 'other') return undefined
    }
    if (told.length === 0 && link.arguments.length > 0) return undefined
    const isNew = told.some(([argument, json]) => JSON.stringify(this.argument(argument)) !== json)
    return link.leads === 'other' || isNew ? told : undefined
  }

  private json({ value, types }: RestLinkArgument): string | undefined {
    const found = this.value(value)
    if (found === undefined || found === null || found === '') return undefined
    const json = fitted(found, types)
    return json === undefined || json.length > valueCharsMax ? undefined : json
  }

  private value(value: RestLinkValue): Value | undefined {
    if (value.kind === 'constant') return parseValue('', value.json)
    if (value.kind !== 'text') return this.expression(value)
    const parts = value.parts.map((part) =>
      typeof part === 'string' ? part : this.expression(part),
    )
    const texts = parts.flatMap((part) =>
      part !== undefined && part !== null && isPrimitive(part) ? [textOf(part)] : [],
    )
    return texts.length === parts.length ? texts.join('') : undefined
  }

  private expression(expression: RestExpression): Value | undefined {
    const { plan, url, status, headers, value, isOutline } = this.answered
    switch (expression.kind) {
      case 'url':
        return url.href
      case 'method':
        return plan.method
      case 'statusCode':
        return status
      case 'argument':
        return this.argument(expression.argument)
      case 'requestBody':
        return this.requestBody(expression.pointer)
      case 'header': {
        const header = headers[expression.name]
        return Array.isArray(header) ? header.join(', ') : header
      }
      case 'body': {
        const found = inside(value, expression.pointer)
        if (isOutline && typeof found === 'object') return undefined
        if (typeof found === 'string' || typeof found === 'boolean') return found
        if (typeof found === 'number' && Number.isSafeInteger(found)) return found
        // The engine rounds what a double cannot hold, so it is read again digit by digit.
        return found === undefined || found === null
          ? undefined
          : inside(this.exactly(), expression.pointer)
      }
    }
  }

  private argument(name: string): Value | undefined {
    try {
      return this.given.value(name)
    } catch {
      return undefined
    }
  }

  private requestBody(pointer: readonly string[]): Value | undefined {
    const from = this.answered.plan.body?.from
    if (from === undefined) return undefined
    if (from.kind === 'argument') return inside(this.argument(from.argument), pointer)
    const given = Object.entries(from.properties).flatMap(([name, argument]) => {
      const value = this.argument(argument)
      return value === undefined ? [] : [[name, value] as const]
    })
    return inside(Object.fromEntries(given), pointer)
  }

  private exactly(): Value | undefined {
    if (this.exact === undefined) {
      try {
        this.exact = { value: parseValue('', this.answered.body.toString().replace(/^\uFEFF/, '')) }
      } catch {
        this.exact = { value: undefined }
      }
    }
    return this.exact.value
  }
}

/** What a JSON pointer leads to (RFC 6901), through own members alone. */
function inside(value: Value | undefined, pointer: readonly string[]): Value | undefined
function inside(value: unknown, pointer: readonly string[]): unknown
function inside(value: unknown, pointer: readonly string[]): unknown {
  let inner = value
  for (const key of pointer) {
    if (typeof inner !== 'object' || inner === null || !Object.hasOwn(inner, key)) return undefined
    if (Array.isArray(inner) && !/^\d+$/.test(key)) return undefined
    inner = Reflect.get(inner, key)
  }
  return inner
}

/** The value as the tool takes it: answers and URLs have texts where a tool wants a number, and the reverse. */
function fitted(value: Value, types: readonly string[]): string | undefined {
  const json = JSON.stringify(value)
  if (types.length === 0 || types.includes(typeIn(json))) return json
  if (typeIn(json) === 'integer' && types.includes('number')) return json
  if (typeof value === 'string') {
    const isJson = /^(?:true|false|-?(?:0|[1-9]\d*)(?:\.\d+)?)$/.test(value)
    if (!isJson) return undefined
    const type = typeIn(value)
    return types.includes(type) || (type === 'integer' && types.includes('number'))
      ? value
      : undefined
  }
  return types.includes('string') && value !== null && isPrimitive(value)
    ? JSON.stringify(textOf(value))
    : undefined
}

/** Type of a JSON text, by its first sign. */
function typeIn(json: string): string {
  if (json.startsWith('"')) return 'string'
  if (json.startsWith('{')) return 'object'
  if (json.startsWith('[')) return 'array'
  if (json === 'null') return 'null'
  if (json === 'true' || json === 'false') return 'boolean'
  return /^-?\d+$/.test(json) ? 'integer' : 'number'
}
