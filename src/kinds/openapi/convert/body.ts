/** Request bodies: which media type, which arguments, and how they are put together. */
import type { RestBody, RestPart } from '../../../model/kinds/openapi.ts'
import type { Documents } from '../../document/documents.ts'
import { isHidden } from '../../document/hidden.ts'
import {
  flagAt,
  isObject,
  type JsonDraft,
  type JsonObject,
  memberOf,
  setMember,
  textAt,
  textsAt,
} from '../../document/json.ts'
import { placeIn, type Spot } from '../../document/place.ts'
import type { SchemaTools } from '../../document/schema.ts'
import { bareType, chooseMediaType, concreteType, type Form, formOf } from './media.ts'
import { type Parameter, swaggerSchema } from './parameters.ts'
import { kindOf, type PlainObject, plainObjectOf } from './plain-object.ts'
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
  const { documents } = tools
  const found = documents.object({ value: raw, at: placeIn(operation.at, 'requestBody') })
  if (found.kind === 'lost') return 'lost'
  const { value } = found.spot
  checkSpelling(found.spot, 'a request body', tools.reporter)
  const content = new Map(
    documents
      .entries(found.spot, 'content')
      .filter(([mediaType]) => !mediaType.startsWith('x-'))
      .map(([mediaType, spot]) => {
        const media = documents.object(spot)
        return [mediaType, media.kind === 'found' ? media.spot : spot]
      }),
  )
  const mediaTypes = [...content.keys()]
  const schemaAt = (mediaType: string): Spot => {
    const media = content.get(mediaType) ?? found.spot
    return { value: memberOf(media.value, 'schema') ?? {}, at: placeIn(media.at, 'schema') }
  }
  const chosen = chooseMediaType(mediaTypes, (mediaType) =>
    isStructured(schemaAt(mediaType), tools),
  )
  if (chosen === undefined) return undefined
  const takesFiles = (mediaType: string): boolean =>
    bareType(mediaType) === 'multipart/form-data' &&
    [...looseProperties(schemaAt(mediaType), tools).values()].some((spot) =>
      isFile(spot, undefined, tools),
    )
  const media = content.get(chosen.mediaType) ?? found.spot
  const schema = schemaAt(chosen.mediaType)
  return bodyOf(
    {
      required: flagAt(value, 'required') === true,
      // Bytes may be of any of the types that are named; the caller says of which.
      mediaType:
        chosen.form === 'binary'
          ? mediaTypes.filter((one) => formOf(one, false) === 'binary').join(', ')
          : concreteType(chosen.mediaType, chosen.form),
      form: chosen.form,
      schema: withExample(schema, media, documents),
      description: textAt(value, 'description'),
      encoding: encodingOf(media, documents),
      otherForFiles: chosen.form === 'json' ? mediaTypes.find(takesFiles) : undefined,
    },
    tools,
  )
}

function encodingOf(media: Spot, documents: Documents): JsonObject {
  return Object.fromEntries(
    documents.entries(media, 'encoding').flatMap(([name, spot]) => {
      const found = documents.object(spot)
      return found.kind === 'found' ? [[name, found.spot.value]] : []
    }),
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
  const says = (type: RegExp): boolean => consumes.some((one) => type.test(bareType(one)))
  const isMultipart = hasFile || (!says(/urlencoded$/) && says(/^multipart\//))
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
    const isList = textAt(field.value, 'type') === 'array'
    if (isList) setMember(encoding, name, collection(textAt(field.value, 'collectionFormat')))
  }
  const [first] = form
  const at = first === undefined ? tools.documents.root.at : first.at
  return bodyOf(
    {
      required: required.length > 0,
      mediaType: isMultipart ? 'multipart/form-data' : 'application/x-www-form-urlencoded',
      form: isMultipart ? 'multipart' : 'urlencoded',
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
  const { form: named, encoding, ...rest } = source
  // XML that nobody described further is a text of the caller's.
  const form = named === 'xml' && isText(source.schema, documents) ? 'text' : named
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

function isText(spot: Spot, documents: Documents): boolean {
  return documents.layers(spot).some(({ value }) => textAt(value, 'type') === 'string')
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
  const isList = documents.layers(schema).some(({ value }) => textAt(value, 'type') === 'array')
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
  const found = documents.object(spot)
  if (found.kind === 'lost' || !isObject(found.spot.value)) return false
  const { value } = found.spot
  return (
    textAt(value, 'type') === 'object' &&
    memberOf(value, 'properties') !== undefined &&
    documents.entries(found.spot, 'properties').length === 0 &&
    !memberOf(value, 'additionalProperties') &&
    ['allOf', 'anyOf', 'oneOf', 'patternProperties'].every(
      (key) => memberOf(value, key) === undefined,
    )
  )
}

function isStructured(spot: Spot, { documents }: SchemaTools): boolean {
  const type = documents
    .layers(spot)
    .map(({ value }) => textAt(value, 'type'))
    .find((one) => one !== undefined)
  return (
    (type === undefined && kindOf(spot, documents) !== 'unclear') ||
    type === 'object' ||
    type === 'array'
  )
}

/** The example of a media type shows a body that is one argument. */
function withExample(schema: Spot, media: Spot, documents: Documents): Spot {
  const { value, at } = schema
  if (!isObject(value) || '$ref' in value || 'example' in value) return schema
  const example = exampleOf(media, documents)
  return example === undefined ? schema : { value: { ...value, example }, at }
}

/** `example`, or the first of `examples`, of a media type or a parameter. */
export function exampleOf(holder: Spot, documents: Documents): unknown {
  const own = memberOf(holder.value, 'example')
  if (own !== undefined) return own
  const [first] = documents.entries(holder, 'examples')
  const found = first === undefined ? undefined : documents.object(first[1])
  return found?.kind === 'found' ? memberOf(found.spot.value, 'value') : undefined
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
    const mediaType = textAt(own, 'contentType')
    const file = form === 'multipart' && isFile(spot, mediaType, tools)
    // 3.0.3 section 4.7.15.1: of multipart the style is ignored; 3.1 made it count.
    const isStyled =
      stylings.some((key) => memberOf(own, key) !== undefined) &&
      (form === 'urlencoded' || tools.dialect !== '3.0')
    const style = partStyles.find((known) => known === textAt(own, 'style')) ?? 'form'
    const xml =
      mediaType !== undefined && formOf(firstOf(mediaType), true) === 'xml'
        ? {
            xml: xmlShapeOf(spot, tools.documents) ?? {},
            xmlRoot: xmlRootOf(spot, tools.documents, name),
          }
        : {}
    return {
      name,
      // Where a style is named, the type is ignored (OpenAPI 3.1.1 section 4.8.15.1.2).
      mediaType: isStyled && form === 'urlencoded' ? undefined : typeOfPart(mediaType, file),
      style: isStyled ? style : 'content',
      explode: flagAt(own, 'explode') ?? style === 'form',
      file,
      ...xml,
    }
  })
}

/** What makes a property of a form travel by style; without them its content type rules. */
const stylings = ['style', 'explode', 'allowReserved']

const firstOf = (mediaTypes: string): string => mediaTypes.split(',', 1)[0]?.trim() ?? ''

/** Of a file all that it may be; of anything else the first, when it is one. */
function typeOfPart(mediaTypes: string | undefined, file: boolean): string | undefined {
  if (mediaTypes === undefined || file) return mediaTypes
  const first = firstOf(mediaTypes)
  return first === '' || first.includes('*') ? undefined : first
}

const partStyles: readonly RestPart['style'][] = [
  ...(['form', 'spaceDelimited', 'pipeDelimited', 'deepObject', 'tabDelimited'] as const),
]

/** Properties of a form that is no plain object: what can be found of them. */
function looseProperties(spot: Spot, { documents }: SchemaTools): ReadonlyMap<string, Spot> {
  const result = new Map<string, Spot>()
  const seen = new Set<unknown>()
  const walk = (from: Spot, depth: number): void => {
    for (const layer of documents.layers(from)) {
      if (depth > 6 || result.size > 300 || seen.has(layer.value)) continue
      seen.add(layer.value)
      for (const [name, schema] of documents.entries(layer, 'properties'))
        if (!result.has(name)) result.set(name, schema)
      for (const keyword of ['allOf', 'anyOf', 'oneOf'])
        for (const [, branch] of documents.entries(layer, keyword)) walk(branch, depth + 1)
    }
  }
  walk(spot, 0)
  return result
}

/** 3.0: `format: binary`; 3.1: a content type that is no text (section 4.8.14.2). Also in an array of them. */
export function isFile(spot: Spot, mediaType: string | undefined, tools: SchemaTools): boolean {
  const { documents } = tools
  const found = documents.object(spot)
  if (found.kind === 'lost') return false
  const { value, at } = found.spot
  if (textAt(value, 'type') !== 'array') return isOneFile(value, mediaType)
  const item = documents.object({ value: memberOf(value, 'items'), at: placeIn(at, 'items') })
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
