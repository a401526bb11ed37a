/** One operation and its arguments as a request, without credentials. */
import type { RestParameter, RestPlan } from '../../../model/kinds/openapi.ts'
import type { Pair } from '../../api/escape.ts'
import { ArgumentFault, Arguments, type Value } from './arguments.ts'
import { buildBody } from './body.ts'
import { formPairs, headerValue, pathValue } from './serialize.ts'

export interface BuiltRequest {
  readonly method: string
  /** Absolute base without a trailing slash. */
  readonly baseUrl: string
  /** Below the base, starting with a slash, without a query. */
  readonly path: string
  /** Escaped. */
  readonly query: readonly Pair[]
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  readonly cookies: readonly Pair[]
  readonly body: string | Buffer | undefined
}

/** Framing and routing belong to the connection, never to an argument (RFC 9110 section 7.6.1, RFC 9112 section 6). */
const ownHeaders: ReadonlySet<string> = new Set([
  'host',
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** @throws ArgumentFault, JsonFault */
export function buildRequest(plan: RestPlan, args: string): BuiltRequest {
  const given = new Arguments(args)
  const query: Pair[] = []
  const cookies: Pair[] = []
  const headers: Record<string, string> = { accept: plan.accept }
  const inPath = new Map<string, { readonly text: string; readonly argument: string }>()
  for (const parameter of plan.parameters) {
    const value = given.value(parameter.argument)
    if (value === undefined) continue
    if (parameter.in === 'path')
      inPath.set(parameter.name, {
        text: pathValue(parameter, value),
        argument: parameter.argument,
      })
    else if (value === null) continue
    else if (parameter.in === 'query') query.push(...formPairs(parameter, value))
    else if (parameter.in === 'cookie') cookies.push(...formPairs(parameter, value))
    else setHeader(headers, parameter, value)
  }
  const { path, fixed } = fillPath(plan.path, inPath)
  const body = buildBody(plan.body, given)
  if (body !== undefined) headers['content-type'] = body.contentType
  return {
    method: plan.method,
    baseUrl: plan.baseUrl,
    path,
    query: [...fixed, ...query],
    headers,
    cookies,
    body: body?.bytes,
  }
}

function setHeader(headers: Record<string, string>, parameter: RestParameter, value: Value): void {
  const name = parameter.name.toLowerCase()
  const { argument } = parameter
  if (ownHeaders.has(name))
    throw new ArgumentFault(argument, `the header ${parameter.name} is set by the gateway alone`)
  const text = headerValue(parameter, value)
  // RFC 9110 section 5.5: field-vchar, obs-text, space and tab.
  if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(text))
    throw new ArgumentFault(
      argument,
      /[\r\n\0]/.test(text)
        ? 'a header value holds no line breaks or control characters'
        : 'a header value holds only characters of ISO-8859-1',
    )
  headers[name] = text
}

type Filled = ReadonlyMap<string, { readonly text: string; readonly argument: string }>

/** @throws ArgumentFault for a value that would lead to another path than the description has */
function fillPath(
  template: string,
  values: Filled,
): { readonly path: string; readonly fixed: readonly Pair[] } {
  const [pathTemplate = '', queryTemplate = ''] = cut(template, '?')
  const fill = (text: string): string =>
    escapeLiteral(text).replace(/\{([^{}]*)\}/g, (_whole, name: string) => {
      const value = values.get(name)
      if (value === undefined) throw new ArgumentFault(name, 'is needed for the path')
      if (value.text === '')
        throw new ArgumentFault(value.argument, 'is empty, but it stands in the path')
      return value.text
    })
  const segments = pathTemplate.split('/').map((segment) => {
    const filled = fill(segment)
    // Every part of the way normalises these, escaped or not (RFC 3986 section 5.2.4, WHATWG URL).
    if (segment !== filled && /^(?:\.|%2e){1,2}$/i.test(filled)) {
      const name = /\{([^{}]*)\}/.exec(segment)?.[1] ?? ''
      throw new ArgumentFault(
        values.get(name)?.argument ?? name,
        `"${filled}" as a part of a path means another path`,
      )
    }
    return filled
  })
  const fixed = queryTemplate
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair): Pair => {
      const [name = '', value = ''] = cut(fill(pair), '=')
      return [name, value]
    })
  const path = segments.join('/')
  return { path: path.startsWith('/') ? path : `/${path}`, fixed }
}

/** What stands in a description's path and in no URL, e.g. a space. */
function escapeLiteral(text: string): string {
  return text.replace(/[^!-~]|["<>\\^`|#]/gu, encodeURIComponent)
}

function cut(text: string, at: string): readonly [string, string] {
  const index = text.indexOf(at)
  return index < 0 ? [text, ''] : [text.slice(0, index), text.slice(index + 1)]
}

export function queryText(pairs: readonly Pair[]): string {
  return pairs.map(([name, value]) => `${name}=${value}`).join('&')
}
