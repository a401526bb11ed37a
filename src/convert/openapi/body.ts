/** Request bodies: which media type, which arguments, and how they are put together. */
import type { RestBody, RestPart } from '../../model/kinds/openapi.ts'
import { isHidden } from './hidden.ts'
import {
  flagAt,
  isObject,
  type JsonDraft,
  listAt,
  memberOf,
  membersOf,
  objectAt,
  setMember,
  textAt,
  textsAt,
} from './json.ts'
import { bareType, chooseMediaType, concreteType, type Form } from './media.ts'
import { type Parameter, swaggerSchema } from './parameters.ts'
import { placeIn, type Spot } from './place.ts'
import { kindOf, type PlainObject, plainObjectOf } from './plain-object.ts'
import type { SchemaTools } from './schema.ts'
import { checkSpelling } from './spelling.ts'
import { xmlRootOf, xmlShapeOf } from './xml.ts'

/** A body before its arguments have names. */
export interface Body {
  readonly required: boolean
  readonly mediaType: string
  readonly form: Form
  readonly schema: Spot
  readonly description: string | undefined
  /** Its properties can be arguments of their own. */
  readonly plain: PlainObject | undefined
  readonly parts: readonly RestPart[]
  readonly xml: Pick<RestBody, 'xml' | 'xmlRoot'>
  /** A type that was not chosen, though only it takes files. */
  readonly otherForFiles: string | undefined
}

/** OpenAPI 3.x `requestBody`; undefined when there is nothing to send. */
export function readBody(operation: Spot, tools: SchemaTools): Body | undefined | 'lost' {
  const raw = memberOf(operation.value, 'requestBody')
  if (raw === undefined || raw === null) return undefined
  const found = tools.documents.target({ value: raw, at: placeIn(operation.at, 'requestBody') })
  if (found.kind === 'lost') return 'lost'
  const { value, at } = found.spot
  checkSpelling(found.spot, 'a request body', tools.reporter)
  const content = objectAt(value, 'content')
  const mediaTypes = Object.keys(content ?? {}).filter((key) => !key.startsWith('x-'))
  const schemaAt = (mediaType: string): Spot => ({
    value: memberOf(memberOf(content, mediaType), 'schema') ?? {},
    at: placeIn(placeIn(placeIn(at, 'content'), mediaType), 'schema'),
  })
  const chosen = chooseMediaType(mediaTypes, (mediaType) =>
    isStructured(schemaAt(mediaType), tools),
  )
  if (chosen === undefined) return undefined
  const takesFiles = (mediaType: string): boolean =>
    bareType(mediaType) === 'multipart/form-data' &&
    [...looseProperties(schemaAt(mediaType), tools).values()].some((spot) =>
      isFile(spot, undefined, tools),
    )
  const media = memberOf(content, chosen.mediaType)
  const schema = schemaAt(chosen.mediaType)
  return bodyOf(
    {
      required: flagAt(value, 'required') === true,
      mediaType: concreteType(chosen.mediaType, chosen.form),
      form: chosen.form,
      schema: withExample(schema, media),
      description: textAt(value, 'description'),
      encoding: memberOf(media, 'encoding'),
      otherForFiles: chosen.form === 'json' ? mediaTypes.find(takesFiles) : undefined,
    },
    tools,
  )
}

/** OpenAPI 2.0: `in: body`, or form fields; `consumes` says how. */
export function readSwaggerBody(
  body: Spot | undefined,
  form: readonly Spot[],
  consumes: readonly string[],
  tools: SchemaTools,
): Body | undefined {
  if (body !== undefined) {
    const schema = swaggerSchema(body)
    const chosen = chooseMediaType(consumes.length === 0 ? ['application/json'] : consumes, () =>
      isStructured(schema, tools),
    )
    const isForm = chosen?.form === 'urlencoded' || chosen?.form === 'multipart'
    // A body parameter is never a form (2.0, Parameter Object): the description names a type too much.
    const { mediaType, form: written } =
      chosen === undefined || isForm
        ? { mediaType: 'application/json', form: 'json' as const }
        : chosen
    return bodyOf(
      {
        required: flagAt(body.value, 'required') === true,
        mediaType: concreteType(mediaType, written),
        form: written,
        schema,
        description: textAt(body.value, 'description'),
        encoding: undefined,
        otherForFiles: undefined,
      },
      tools,
    )
  }
  if (form.length === 0) return undefined
  const hasFile = form.some((field) => textAt(field.value, 'type') === 'file')
  const isMultipart = hasFile || !consumes.some((type) => bareType(type).endsWith('urlencoded'))
  const properties: JsonDraft = {}
  const encoding: JsonDraft = {}
  const required: string[] = []
  for (const field of form) {
    const name = textAt(field.value, 'name') ?? ''
    const { value } = swaggerSchema(field)
    const isFile = textAt(field.value, 'type') === 'file'
    const own = isObject(value) ? value : {}
    const description = textAt(field.value, 'description')
    setMember(properties, name, {
      ...own,
      ...(isFile ? { type: 'string', format: 'binary' } : {}),
      ...(description === undefined ? {} : { description }),
    })
    if (flagAt(field.value, 'required') === true) required.push(name)
    setMember(encoding, name, collection(textAt(field.value, 'collectionFormat')))
  }
  const [first] = form
  const at = first === undefined ? tools.documents.root.at : first.at
  return bodyOf(
    {
      required: required.length > 0,
      mediaType:
        isMultipart && (hasFile || consumes.some((type) => bareType(type).startsWith('multipart/')))
          ? 'multipart/form-data'
          : 'application/x-www-form-urlencoded',
      form:
        isMultipart && (hasFile || consumes.some((type) => bareType(type).startsWith('multipart/')))
          ? 'multipart'
          : 'urlencoded',
      schema: { value: { type: 'object', properties, required }, at },
      description: undefined,
      encoding,
      otherForFiles: undefined,
    },
    tools,
  )
}

function collection(format: string | undefined): JsonDraft {
  if (format === 'multi') return { style: 'form', explode: true }
  if (format === 'ssv') return { style: 'spaceDelimited', explode: false }
  if (format === 'pipes') return { style: 'pipeDelimited', explode: false }
  if (format === 'tsv') return { style: 'tabDelimited', explode: false }
  return { style: 'form', explode: false }
}

interface Source {
  readonly required: boolean
  readonly mediaType: string
  readonly form: Form
  readonly schema: Spot
  readonly description: string | undefined
  readonly encoding: unknown
  readonly otherForFiles: string | undefined
}

function bodyOf(source: Source, tools: SchemaTools): Body | undefined {
  const { documents } = tools
  const { form, encoding, ...rest } = source
  const schema = form === 'multipart' ? asForm(source.schema, tools) : source.schema
  if (form === 'text' || form === 'binary')
    return { ...rest, form, schema, plain: undefined, parts: [], xml: noXml }
  const plain = plainObjectOf(schema, documents)
  const visible = plain === undefined ? undefined : withoutHidden(plain, tools)
  // Generators write an empty form for each GET (Stripe has 200 of them).
  if (plain === undefined && isEmptyObject(schema, tools)) return undefined
  if (plain !== undefined && visible === undefined && !rest.required) return undefined
  const parts =
    form === 'urlencoded' || form === 'multipart'
      ? partsOf(visible ?? plain, schema, encoding, form, tools)
      : []
  const xml =
    form === 'xml'
      ? { xml: xmlShapeOf(schema, documents), xmlRoot: xmlRootOf(schema, documents, 'root') }
      : noXml
  return { ...rest, form, schema, plain: visible, parts, xml }
}

/** A form without fields, only a file or a list of them: generators lose the field's name, which mostly is `file`. */
function asForm(schema: Spot, tools: SchemaTools): Spot {
  const { documents, reporter } = tools
  if (kindOf(schema, documents) !== 'other') return schema
  reporter.note(
    'schema_unusable',
    'The form has no fields; what it holds is sent as the field `file`.',
    schema.at,
  )
  const found = documents.target(schema)
  const isList = found.kind === 'found' && textAt(found.spot.value, 'type') === 'array'
  const file = { type: 'string', format: 'binary' }
  const properties = { file: isList ? { type: 'array', items: file } : file }
  return { value: { type: 'object', properties, required: ['file'] }, at: schema.at }
}

const noXml = { xml: undefined, xmlRoot: undefined }

function withoutHidden(plain: PlainObject, tools: SchemaTools): PlainObject | undefined {
  const properties = new Map(
    [...plain.properties].filter(([, spot]) => !isHidden(spot, 'input', tools.documents)),
  )
  if (properties.size === 0) return undefined
  const required = new Set([...plain.required].filter((name) => properties.has(name)))
  const choices = plain.choices.filter((names) => names.every((name) => properties.has(name)))
  return { properties, required, choices }
}

function isEmptyObject(spot: Spot, { documents }: SchemaTools): boolean {
  const found = documents.target(spot)
  if (found.kind === 'lost' || !isObject(found.spot.value)) return false
  const { value } = found.spot
  return (
    textAt(value, 'type') === 'object' &&
    Object.keys(objectAt(value, 'properties') ?? { none: 0 }).length === 0 &&
    !memberOf(value, 'additionalProperties') &&
    ['allOf', 'anyOf', 'oneOf', 'patternProperties'].every(
      (key) => memberOf(value, key) === undefined,
    )
  )
}

function isStructured(spot: Spot, { documents }: SchemaTools): boolean {
  const found = documents.target(spot)
  if (found.kind === 'lost') return false
  const type = textAt(found.spot.value, 'type')
  return (
    (type === undefined && kindOf(spot, documents) !== 'unclear') ||
    type === 'object' ||
    type === 'array'
  )
}

/** The example of a media type shows a body that is one argument. */
function withExample(schema: Spot, media: unknown): Spot {
  const { value, at } = schema
  if (!isObject(value) || '$ref' in value || 'example' in value) return schema
  const [named] = membersOf(memberOf(media, 'examples'))
  const example = memberOf(media, 'example') ?? memberOf(named?.[1], 'value')
  return example === undefined ? schema : { value: { ...value, example }, at }
}

/** Encoding Object (OpenAPI 3.1 section 4.8.15): how each property of a form is written. */
function partsOf(
  plain: PlainObject | undefined,
  schema: Spot,
  encoding: unknown,
  form: Form,
  tools: SchemaTools,
): readonly RestPart[] {
  const properties = plain?.properties ?? looseProperties(schema, tools)
  return [...properties].map(([name, spot]) => {
    const own = memberOf(encoding, name)
    const named = textAt(own, 'style')
    const style = partStyles.find((known) => known === named) ?? 'form'
    const mediaType = textAt(own, 'contentType')?.split(',', 1)[0]?.trim()
    return {
      name,
      mediaType: mediaType === undefined || mediaType.includes('*') ? undefined : mediaType,
      style,
      explode: flagAt(own, 'explode') ?? style === 'form',
      file: form === 'multipart' && isFile(spot, mediaType, tools),
    }
  })
}

const partStyles: readonly RestPart['style'][] = [
  ...(['form', 'spaceDelimited', 'pipeDelimited', 'deepObject', 'tabDelimited'] as const),
]

/** Properties of a form that is no plain object: what can be found of them. */
function looseProperties(spot: Spot, { documents }: SchemaTools): ReadonlyMap<string, Spot> {
  const result = new Map<string, Spot>()
  const seen = new Set<unknown>()
  const walk = (from: Spot, depth: number): void => {
    const found = documents.target(from)
    if (found.kind === 'lost' || depth > 6 || result.size > 300) return
    const { value, at } = found.spot
    if (seen.has(value)) return
    seen.add(value)
    for (const [name, schema] of membersOf(memberOf(value, 'properties')))
      if (!result.has(name)) result.set(name, { value: schema, at: placeIn(at, name) })
    for (const keyword of ['allOf', 'anyOf', 'oneOf'])
      for (const branch of listAt(value, keyword))
        walk({ value: branch, at: placeIn(at, keyword) }, depth + 1)
  }
  walk(spot, 0)
  return result
}

/** 3.0: `format: binary`; 3.1: a content type that is no text (section 4.8.14.2). Also in an array of them. */
export function isFile(spot: Spot, mediaType: string | undefined, tools: SchemaTools): boolean {
  const found = tools.documents.target(spot)
  if (found.kind === 'lost') return false
  const { value, at } = found.spot
  if (textAt(value, 'type') !== 'array') return isOneFile(value, mediaType)
  const items = { value: memberOf(value, 'items'), at: placeIn(at, 'items') }
  const item = tools.documents.target(items)
  return item.kind === 'found' && isOneFile(item.spot.value, mediaType)
}

function isOneFile(value: unknown, mediaType: string | undefined): boolean {
  const format = textAt(value, 'format')
  if (format === 'binary' || textAt(value, 'type') === 'file') return true
  const content = textAt(value, 'contentMediaType') ?? mediaType
  if (textsAt(value, 'type').length > 0 || content === undefined) return false
  const type = textAt(value, 'type')
  return (
    (type === undefined || type === 'string') &&
    textAt(value, 'contentEncoding') === undefined &&
    format !== 'byte' &&
    /^(image|audio|video|font)\/|^application\/(octet-stream|pdf|zip|gzip|x-)/.test(content)
  )
}

/** Parameters and the whole body share one list of names; a body property that is also one makes a clash. */
export function clashes(body: Body, parameters: readonly Parameter[]): boolean {
  const names = new Set(parameters.map(({ name }) => name.toLowerCase()))
  return [...(body.plain?.properties.keys() ?? [])].some((name) => names.has(name.toLowerCase()))
}
