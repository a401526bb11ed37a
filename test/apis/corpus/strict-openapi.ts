/**
 * A strict server of an OpenAPI or Swagger description, made of the description alone: a request must meet exactly one
 * operation, bring what that operation requires, and nothing that it does not know.
 */
import { parse as parseYaml } from 'yaml'
import { isSchema, type Schema } from '../round-trip.ts'
import type { Received, StrictJudge } from './desk.ts'
import { listAt, misfit, namesOf, type Resolve, readText, resolverOf } from './fits.ts'

interface Parameter {
  readonly name: string
  readonly in: string
  readonly required: boolean
  readonly schema: unknown
  /** Its members may stand as parameters of their own, or `name[member]`. */
  readonly spread: boolean
}

interface Operation {
  readonly key: string
  readonly method: string
  readonly path: RegExp
  readonly literals: number
  readonly query: readonly string[]
  readonly parameters: readonly Parameter[]
  /** Media type to schema. */
  readonly bodies: readonly (readonly [string, unknown])[]
  readonly bodyRequired: boolean
}

const methods = /^(get|put|post|delete|options|head|patch|trace)$/
/** What HTTP itself has; the description need not name it. */
const ownHeaders =
  /^(host|connection|user-agent|accept|accept-encoding|accept-language|content-type|content-length|transfer-encoding|cookie|sec-.*)$/

export function strictOpenapi(text: string): StrictJudge | undefined {
  const document: unknown = text.trimStart().startsWith('{') ? JSON.parse(text) : parseYaml(text)
  if (!isSchema(document) || !isSchema(document['paths'])) return undefined
  const resolve = resolverOf(document)
  let operations: readonly Operation[] | undefined
  return {
    judge(received, wanted) {
      operations ??= operationsOf(document, resolve)
      return judge({ received, wanted, operations, resolve })
    },
    placeOf(operation, argument) {
      operations ??= operationsOf(document, resolve)
      const found = operations.find(({ key }) => key === operation)
      const plain = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '')
      return found?.parameters.find(({ name }) => plain(name) === plain(argument))?.in
    },
  }
}

function operationsOf(document: Schema, resolve: Resolve): readonly Operation[] {
  const paths = isSchema(document['paths']) ? document['paths'] : {}
  return Object.entries(paths).flatMap(([path, given]) => {
    const item = resolve(given)
    if (!isSchema(item)) return []
    return Object.entries(item).flatMap(([method, value]): Operation[] => {
      const operation = resolve(value)
      if (!methods.test(method) || !isSchema(operation)) return []
      return [operationOf({ document, resolve, item, path, method, operation })]
    })
  })
}

function operationOf(from: {
  document: Schema
  resolve: Resolve
  item: Schema
  path: string
  method: string
  operation: Schema
}): Operation {
  const { document, resolve, item, path, method, operation } = from
  const merged = new Map<string, Schema>()
  for (const one of [...listAt(item, 'parameters'), ...listAt(operation, 'parameters')]) {
    const parameter = resolve(one)
    if (isSchema(parameter)) merged.set(`${parameter['in']} ${parameter['name']}`, parameter)
  }
  const all = [...merged.values()]
  const [template = '', query = ''] = path.replace(/#.*$/, '').split('?')
  const { bodies, required } = bodiesOf({ document, resolve, operation, all })
  return {
    key: `${method.toUpperCase()} ${path}`,
    method: method.toUpperCase(),
    path: new RegExp(`^${pattern(template)}$`),
    literals: template.replace(/\{[^}]*\}/g, '').length,
    query: query === '' ? [] : query.split('&'),
    parameters: all.flatMap((one) => parameterOf(one, resolve)),
    bodies,
    bodyRequired: required,
  }
}

function pattern(template: string): string {
  return template
    .split(/(\{[^}]*\})/)
    .map((part) =>
      part.startsWith('{')
        ? part.startsWith('{+') || part.endsWith('*}')
          ? '.+'
          : '[^/]+'
        : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'),
    )
    .join('')
}

function parameterOf(one: Schema, resolve: Resolve): Parameter[] {
  const place = one['in']
  if (place === 'body' || place === 'formData') return []
  const content = isSchema(one['content']) ? Object.values(one['content'])[0] : undefined
  // In OpenAPI 2.0 the parameter is its own schema.
  const schema = content === undefined ? (one['schema'] ?? one) : {}
  const target = resolve(schema)
  const isObject =
    isSchema(target) &&
    (target['type'] === 'object' ||
      target['properties'] !== undefined ||
      ['allOf', 'oneOf', 'anyOf', 'additionalProperties'].some((key) => target[key] !== undefined))
  return [
    {
      name: String(one['name']),
      in: String(place),
      required: one['required'] === true || place === 'path',
      schema,
      spread: isObject && content === undefined && one['explode'] !== false,
    },
  ]
}

function bodiesOf(from: {
  document: Schema
  resolve: Resolve
  operation: Schema
  all: readonly Schema[]
}): { bodies: Operation['bodies']; required: boolean } {
  const { document, resolve, operation, all } = from
  const body = resolve(operation['requestBody'])
  if (isSchema(body)) {
    const content = isSchema(body['content']) ? body['content'] : {}
    return {
      bodies: Object.entries(content).map(([type, one]) => {
        const media = resolve(one)
        return [type, isSchema(media) ? media['schema'] : undefined] as const
      }),
      required: body['required'] === true,
    }
  }
  const consumes = [operation, document].map((one) => listAt(one, 'consumes').map(String))
  const types = consumes.find((list) => list.length > 0) ?? []
  const whole = all.find((one) => one['in'] === 'body')
  if (whole !== undefined)
    return {
      bodies: (types.length > 0 ? types : ['*/*']).map((type) => [type, whole['schema']] as const),
      required: whole['required'] === true,
    }
  const fields = all.filter((one) => one['in'] === 'formData')
  if (fields.length === 0) return { bodies: [], required: false }
  const needed = fields.filter((one) => one['required'] === true)
  const schema = {
    type: 'object',
    properties: Object.fromEntries(fields.map((one) => [String(one['name']), one])),
    required: needed.map((one) => String(one['name'])),
  }
  return { bodies: [['*/*', schema]], required: needed.length > 0 }
}

interface Case {
  readonly received: Received
  readonly wanted: string
  readonly operations: readonly Operation[]
  readonly resolve: Resolve
}

function judge({ received, wanted, operations, resolve }: Case): string {
  const [path = '', rawQuery = ''] = received.url.split('?')
  const pairs = rawQuery === '' ? [] : rawQuery.split('&').map(pairOf)
  const meets = operations.filter(
    (one) =>
      one.method === received.method &&
      one.path.test(path) &&
      one.query.every((fixed) => isAmong(pairOf(fixed), pairs)),
  )
  const literals = Math.max(...meets.map((one) => one.literals))
  const nearest = meets.filter((one) => one.literals === literals)
  const queries = Math.max(...nearest.map((one) => one.query.length))
  const met = nearest.filter((one) => one.query.length === queries)
  const plain = (key: string): string => key.replace(/#.*$/, '').replace(/\{[^}]*\}/g, '{}')
  const ours =
    met.find(({ key }) => key === wanted) ?? met.find((one) => plain(one.key) === plain(wanted))
  if (met.length === 0) return `meets no operation: ${received.method} ${path}`
  if (ours === undefined) return `meets another operation: ${met[0]?.key}`
  if (new Set(met.map(({ key }) => plain(key))).size > 1)
    return `meets several operations: ${met.map(({ key }) => key).join(', ')}`
  return (
    faultOfQuery(ours, pairs, resolve) ??
    faultOfHeaders(ours, received, resolve) ??
    faultOfBody(ours, received, resolve) ??
    'ok'
  )
}

function pairOf(text: string): readonly [string, string] {
  const [name = '', ...rest] = text.split('=')
  const plain = (one: string): string => decodeURIComponent(one.replaceAll('+', ' '))
  return [plain(name), plain(rest.join('='))]
}

/** A fixed part of a path's query; without a value, any will do. */
function isAmong([name, text]: readonly [string, string], pairs: Pairs): boolean {
  return pairs.some((pair) => pair[0] === name && (text === '' || pair[1] === text))
}

type Pairs = readonly (readonly [string, string])[]

function faultOfQuery(operation: Operation, pairs: Pairs, resolve: Resolve): string | undefined {
  const known = operation.parameters.filter((one) => one.in === 'query')
  const fixed = new Set(operation.query.map((one) => pairOf(one)[0]))
  const spread = known.filter((one) => one.spread)
  for (const one of known) {
    if (one.required && !one.spread && !pairs.some(([name]) => isNamed(name, one)))
      return `without required query parameter: ${one.name}`
  }
  for (const [name, text] of pairs) {
    const one = known.find((parameter) => isNamed(name, parameter))
    if (one === undefined) {
      if (fixed.has(name) || spread.length > 0) continue
      return `unknown query parameter: ${name}`
    }
    if (one.spread || name !== one.name) continue
    const schema = resolve(one.schema)
    if (isSchema(schema) && (schema['type'] === 'array' || schema['type'] === 'object')) continue
    const fault = misfit(readText(text, schema, resolve), schema, resolve)
    if (fault !== undefined) return `query parameter does not fit: ${name}: ${fault}`
  }
  return undefined
}

function isNamed(name: string, parameter: Parameter): boolean {
  return name === parameter.name || name.startsWith(`${parameter.name}[`)
}

function faultOfHeaders(
  operation: Operation,
  { headers }: Received,
  resolve: Resolve,
): string | undefined {
  const known = operation.parameters.filter((one) => one.in === 'header')
  for (const { name, required } of known) {
    // OpenAPI 3.0 section 4.7.12: these three are not parameters.
    if (/^(accept|content-type|authorization)$/i.test(name)) continue
    if (required && headers[name.toLowerCase()] === undefined)
      return `without required header: ${name}`
  }
  const cookies = operation.parameters.filter((one) => one.in === 'cookie')
  for (const { name, required } of cookies)
    if (required && !(headers['cookie'] ?? '').includes(`${name}=`))
      return `without required cookie: ${name}`
  for (const [name, text] of Object.entries(headers)) {
    const one = known.find((parameter) => parameter.name.toLowerCase() === name)
    if (one === undefined) {
      if (ownHeaders.test(name)) continue
      return `unknown header: ${name}`
    }
    const schema = resolve(one.schema)
    if (isSchema(schema) && (schema['type'] === 'array' || schema['type'] === 'object')) continue
    const fault = misfit(readText(text, schema, resolve), schema, resolve)
    if (fault !== undefined) return `header does not fit: ${name}: ${fault}`
  }
  return undefined
}

function faultOfBody(
  operation: Operation,
  { headers, body }: Received,
  resolve: Resolve,
): string | undefined {
  const type = headers['content-type'] ?? ''
  if (body.length === 0 && type === '')
    return operation.bodyRequired ? 'without required body' : undefined
  if (operation.bodies.length === 0) return body.length === 0 ? undefined : 'unknown body'
  const media = plainType(type)
  const entry =
    operation.bodies.find(([one]) => plainType(one) === media) ??
    operation.bodies.find(([one]) => matchesRange(media, plainType(one)))
  if (entry === undefined) return `unknown media type of the body: ${type}`
  const [, schema] = entry
  const text = body.toString('utf8')
  if (/[/+]json$/.test(media)) {
    const fault = misfit(JSON.parse(text), schema, resolve)
    return fault === undefined ? undefined : `body does not fit: ${fault}`
  }
  // Members of forms are texts; their names are held against the schema.
  const names =
    media === 'application/x-www-form-urlencoded'
      ? text.split('&').map((pair) => pairOf(pair)[0])
      : media === 'multipart/form-data'
        ? [...text.matchAll(/content-disposition:[^\r\n]*?;\s*name="([^"]*)"/gi)].map(
            ([, name = '']) => name,
          )
        : undefined
  const fault = names === undefined ? undefined : faultOfNames(names, schema, resolve)
  return fault === undefined ? undefined : `form does not fit: ${fault}`
}

function faultOfNames(
  names: readonly string[],
  given: unknown,
  resolve: Resolve,
): string | undefined {
  const plain = new Set(names.map((name) => name.replace(/[[.].*$/s, '')))
  const schema = resolve(given)
  const known = namesOf(schema, resolve)
  const dotted = new Set([...(known ?? [])].map((name) => name.replace(/[[.].*$/s, '')))
  const unknown = [...plain].find((name) => name !== '' && known !== undefined && !dotted.has(name))
  if (unknown !== undefined) return `unknown ${unknown}`
  const missing = isSchema(schema)
    ? listAt(schema, 'required').find(
        (name) => typeof name === 'string' && !plain.has(name.replace(/[[.].*$/s, '')),
      )
    : undefined
  return missing === undefined ? undefined : `without ${missing}`
}

const plainType = (type: string): string => (type.split(';')[0] ?? '').trim().toLowerCase()

function matchesRange(type: string, range: string): boolean {
  return range === '*/*' || (range.endsWith('/*') && type.startsWith(range.slice(0, -1)))
}
