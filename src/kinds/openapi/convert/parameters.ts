/** Parameters of an operation: how each travels, and the schema of its argument. */
import { type CredentialPlace, isFilled } from '../../../model/credential.ts'
import type { RestParameter } from '../../../model/kinds/openapi.ts'
import {
  flagAt,
  isObject,
  type JsonDraft,
  memberOf,
  objectAt,
  textAt,
  textsAt,
} from '../../document/json.ts'
import { placeIn, type Spot } from '../../document/place.ts'
import type { SchemaTools } from '../../document/schema.ts'
import { checkSpelling } from './spelling.ts'

/** A parameter before it has the name of its argument. */
export interface Parameter extends Omit<RestParameter, 'argument'> {
  readonly required: boolean
  readonly spot: Spot
  /** Where its schema stands; of OpenAPI 2.0 the parameter itself. */
  readonly schema: Spot
}

export interface Parameters {
  readonly parameters: readonly Parameter[]
  /** OpenAPI 2.0: `in: body` and `in: formData`. */
  readonly body: Spot | undefined
  readonly form: readonly Spot[]
  /** What a parameter called Accept allows: such a parameter is ignored, but servers may check it. */
  readonly accepts: readonly string[]
}

export interface ParameterOptions extends SchemaTools {
  /** What the gateway sends by itself is no argument. */
  readonly filled: readonly CredentialPlace[]
}

const parametersMax = 500
/** Described by responses, bodies and security schemes instead (OpenAPI 3.1 section 4.8.12.1). */
const ignoredHeaders = new Set(['accept', 'content-type', 'authorization'])
/** Headers that frame a message or a connection: none of a caller's business (RFC 9110 section 7.6.1). */
const framingHeaders = new Set([
  ...['host', 'content-length', 'transfer-encoding', 'connection', 'upgrade', 'te', 'trailer'],
  ...['expect', 'keep-alive', 'proxy-authorization', 'proxy-connection'],
])

/** Those of the operation, then those of the path item that it does not override by name and place. */
export function readParameters(
  operation: Spot,
  pathItem: Spot,
  template: string,
  options: ParameterOptions,
): Parameters {
  const byKey = new Map<string, Spot>()
  for (const holder of [operation, pathItem]) {
    const own = new Set<string>()
    for (const [, entry] of options.documents
      .entries(holder, 'parameters')
      .slice(0, parametersMax)) {
      const { at } = entry
      const found = options.documents.object(entry)
      if (found.kind === 'lost') {
        options.reporter.note(found.code, `A parameter is missing: ${found.reason}`, at)
        continue
      }
      checkSpelling(found.spot, 'a parameter', options.reporter)
      const name = textAt(found.spot.value, 'name')
      const where = textAt(found.spot.value, 'in')
      if (name === undefined || where === undefined) {
        options.reporter.note('description_invalid', 'A parameter without name or place.', at)
        continue
      }
      const key = `${where} ${where === 'header' ? name.toLowerCase() : name}`
      if (
        where === 'body'
          ? [...byKey.keys()].some((known) => known.startsWith('body '))
          : byKey.has(key)
      ) {
        if (own.has(key))
          options.reporter.note('description_invalid', `The parameter ${name} stands twice.`, at)
        continue
      }
      own.add(key)
      byKey.set(key, found.spot)
    }
  }
  return sort(withoutTransport([...byKey.values()]), template, options)
}

/** What each operation of Google's takes: credentials, and how the answer travels. */
const googleTransport = new Set([
  ...['$.xgafv', 'access_token', 'alt', 'bearer_token', 'callback', 'key', 'oauth_token', 'pp'],
  ...['prettyPrint', 'quotaUser', 'uploadType', 'upload_protocol', 'userIp'],
])

/** Without what frames the exchange and says nothing of the operation: JSONP, formatting, credentials of a query. */
function withoutTransport(spots: readonly Spot[]): readonly Spot[] {
  const inQuery = (spot: Spot): string | undefined =>
    textAt(spot.value, 'in') === 'query' ? textAt(spot.value, 'name') : undefined
  const names = new Set(spots.map(inQuery))
  const isGoogle = names.has('prettyPrint') && names.has('alt') && names.has('key')
  return spots.filter((spot) => {
    const name = inQuery(spot)
    if (name === undefined || flagAt(spot.value, 'required') === true) return true
    if (isGoogle && googleTransport.has(name)) return false
    return !(
      /^(callback|jsonp)$/i.test(name) && /jsonp/i.test(textAt(spot.value, 'description') ?? '')
    )
  })
}

function sort(spots: readonly Spot[], template: string, options: ParameterOptions): Parameters {
  const parameters: Parameter[] = []
  const form: Spot[] = []
  let body: Spot | undefined
  let accepts: readonly string[] = []
  for (const spot of spots) {
    const where = textAt(spot.value, 'in')
    if (where === 'body') body = spot
    else if (where === 'formData') form.push(spot)
    else {
      if (where === 'header' && textAt(spot.value, 'name')?.toLowerCase() === 'accept')
        accepts = acceptsOf(spot)
      const parameter = readParameter(spot, options)
      if (parameter !== undefined) parameters.push(parameter)
    }
  }
  return {
    parameters: withTemplate(parameters, template, spots[0]?.at, options),
    body,
    form,
    accepts,
  }
}

function acceptsOf({ value }: Spot): readonly string[] {
  const schema = objectAt(value, 'schema') ?? value
  const preset = textAt(schema, 'default')
  const listed = textsAt(schema, 'enum')
  return listed.length > 0 || preset === undefined ? listed : [preset]
}

/** Each `{name}` of the path needs a value, and a parameter of the path without its `{name}` can go nowhere. */
function withTemplate(
  parameters: readonly Parameter[],
  template: string,
  near: Spot['at'] | undefined,
  { reporter, documents }: ParameterOptions,
): readonly Parameter[] {
  const names = new Set(templateNames(template))
  const at = near ?? placeIn(placeIn(documents.root.at, 'paths'), template)
  const kept = parameters.filter((parameter) => {
    if (parameter.in !== 'path' || names.has(parameter.name)) return true
    reporter.note(
      'description_invalid',
      `The path has no {${parameter.name}}: the parameter is left out.`,
      parameter.spot.at,
    )
    return false
  })
  const known = new Set(kept.filter((entry) => entry.in === 'path').map((entry) => entry.name))
  const missing = [...names].filter((name) => !known.has(name))
  for (const name of missing)
    reporter.note(
      'description_invalid',
      `The parameter {${name}} of the path is not described.`,
      at,
    )
  return [
    ...kept,
    ...missing.map(
      (name): Parameter => ({
        name,
        in: 'path',
        style: 'simple',
        explode: false,
        allowReserved: false,
        mediaType: undefined,
        required: true,
        spot: { value: {}, at },
        schema: { value: { type: 'string' }, at },
      }),
    ),
  ]
}

function templateNames(template: string): readonly string[] {
  return [...template.matchAll(/\{([^{}]{1,200})\}/g)].map(([, name = '']) => name)
}

function readParameter(spot: Spot, options: ParameterOptions): Parameter | undefined {
  const { value, at } = spot
  const name = textAt(value, 'name') ?? ''
  const where = textAt(value, 'in')?.toLowerCase()
  if (where === 'querystring') return querystring(spot, options)
  if (where !== 'path' && where !== 'query' && where !== 'header' && where !== 'cookie') {
    options.reporter.note(
      'description_invalid',
      `${String(where)} is no place for a parameter.`,
      at,
    )
    return undefined
  }
  if (isFilled(options.filled, { in: where, name })) return undefined
  if (where === 'header') {
    const lower = name.toLowerCase()
    if (ignoredHeaders.has(lower)) return undefined
    if (framingHeaders.has(lower) || !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) {
      options.reporter.note(
        'feature_unsupported',
        `The header ${name} is not for callers to set.`,
        at,
      )
      return undefined
    }
  }
  const how = options.dialect === '2.0' ? swaggerStyle(spot, where) : style(spot, where, options)
  return { name, in: where, ...how, required: isRequired(value, where), spot }
}

function isRequired(value: unknown, where: string): boolean {
  return where === 'path' || flagAt(value, 'required') === true
}

type How = Pick<Parameter, 'style' | 'explode' | 'allowReserved' | 'mediaType' | 'schema' | 'inner'>
type Where = RestParameter['in']

const styles: Readonly<Record<Where, readonly RestParameter['style'][]>> = {
  path: ['simple', 'label', 'matrix'],
  query: ['form', 'spaceDelimited', 'pipeDelimited', 'deepObject'],
  header: ['simple'],
  cookie: ['form'],
}

/** OpenAPI 3.1 section 4.8.12.2: `style` and `schema`, or `content` with one media type. */
function style(spot: Spot, where: Where, { reporter, documents }: ParameterOptions): How {
  const { value, at } = spot
  const [content] = documents.entries(spot, 'content')
  if (content !== undefined && memberOf(value, 'schema') === undefined) {
    const [mediaType, raw] = content
    const media = documents.object(raw)
    const holder = media.kind === 'found' ? media.spot : raw
    return {
      style: where === 'path' || where === 'header' ? 'simple' : 'form',
      explode: false,
      allowReserved: false,
      mediaType,
      schema: { value: memberOf(holder.value, 'schema') ?? {}, at: placeIn(holder.at, 'schema') },
    }
  }
  const named = textAt(value, 'style')
  const usual = styles[where][0] ?? 'form'
  const found = styles[where].find((known) => known === named)
  if (named !== undefined && found === undefined && !(named === 'cookie' && where === 'cookie'))
    reporter.note(
      'description_invalid',
      `The style ${named.slice(0, 40)} does not go with a ${where} parameter; ${usual} is taken.`,
      placeIn(at, 'style'),
    )
  const chosen = found ?? usual
  return {
    style: chosen,
    explode: flagAt(value, 'explode') ?? chosen === 'form',
    allowReserved: flagAt(value, 'allowReserved') === true,
    mediaType: undefined,
    schema: { value: memberOf(value, 'schema') ?? {}, at: placeIn(at, 'schema') },
  }
}

/** Lists within lists whose separators are looked at. */
const innerMax = 5

/** OpenAPI 2.0: `collectionFormat`; the schema is the parameter itself. */
function swaggerStyle(spot: Spot, where: Where): How {
  const format = textAt(spot.value, 'collectionFormat')
  const separated: Readonly<Record<string, RestParameter['style']>> = {
    ssv: 'spaceDelimited',
    tsv: 'tabDelimited',
    pipes: 'pipeDelimited',
  }
  const usual = where === 'path' || where === 'header' ? 'simple' : 'form'
  const styleOf = (word: string | undefined, other: RestParameter['style']) =>
    (word === undefined ? undefined : separated[word]) ?? other
  const inner: RestParameter['style'][] = []
  let items = objectAt(spot.value, 'items')
  for (
    ;
    textAt(items, 'type') === 'array' && inner.length < innerMax;
    items = objectAt(items, 'items')
  )
    inner.push(styleOf(textAt(items, 'collectionFormat'), 'simple'))
  return {
    style: styleOf(format, usual),
    explode: format === 'multi' && (where === 'query' || where === 'cookie'),
    ...(inner.length === 0 ? {} : { inner }),
    allowReserved: false,
    mediaType: undefined,
    schema: swaggerSchema(spot),
  }
}

/** Without `required`, which is a boolean here and a list in a schema. */
export function swaggerSchema({ value, at }: Spot): Spot {
  const schema = objectAt(value, 'schema')
  if (schema !== undefined) return { value: schema, at: placeIn(at, 'schema') }
  if (!isObject(value)) return { value: {}, at }
  const own: JsonDraft = { ...value }
  for (const key of ['name', 'in', 'required', 'description', 'collectionFormat']) delete own[key]
  return { value: own, at }
}

/** OpenAPI 3.2 `in: querystring`: one value for the whole query. Its only usual form is a form. */
function querystring({ at }: Spot, { reporter }: ParameterOptions): undefined {
  reporter.note('feature_unsupported', 'A parameter for the whole query is not supported.', at)
  return undefined
}
