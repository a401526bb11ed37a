/** Arguments of a tool: readable names that all model providers take, and what each stands for. */
import type { JsonSchema } from '../../../model/conversion.ts'
import type { RestBody, RestParameter } from '../../../model/kinds/openapi.ts'
import { type JsonDraft, memberOf, setMember, textAt } from '../../document/json.ts'
import { readTypes } from '../../document/keywords.ts'
import type { Spot } from '../../document/place.ts'
import type { Reference } from '../../document/schema.ts'
import { isSample } from '../../document/schema-words.ts'
import type { Schemas } from '../../document/schemas.ts'
import { plainText } from '../../text.ts'
import { type Body, clashes, exampleOf, isFile } from './body.ts'
import type { Parameter } from './parameters.ts'

export interface Arguments {
  readonly schema: JsonDraft
  readonly references: readonly Reference[]
  readonly parameters: readonly RestParameter[]
  readonly body: RestBody | undefined
  /** What a caller must choose among, for the description. */
  readonly choices: readonly string[]
}

const descriptionCharsMax = 800
const order = { path: 0, query: 1, header: 2, cookie: 3 } as const

export function buildArguments(
  parameters: readonly Parameter[],
  body: Body | undefined,
  method: string,
  schemas: Schemas,
): Arguments {
  const builder = new ArgumentBuilder(schemas)
  const sorted = [...parameters].sort((a, b) => order[a.in] - order[b.in])
  const rest = sorted.map((parameter) => builder.parameter(parameter))
  const restBody = body === undefined ? undefined : builder.body(body, parameters, method)
  return {
    schema: builder.schema(),
    references: builder.references,
    parameters: rest,
    body: restBody,
    choices: builder.choices,
  }
}

class ArgumentBuilder {
  readonly references: Reference[] = []
  readonly choices: string[] = []
  private readonly schemas: Schemas
  private readonly properties: JsonDraft = {}
  private readonly required: string[] = []

  constructor(schemas: Schemas) {
    this.schemas = schemas
  }

  schema(): JsonDraft {
    return {
      type: 'object',
      properties: this.properties,
      ...(this.required.length === 0 ? {} : { required: this.required }),
      additionalProperties: false,
    }
  }

  parameter(parameter: Parameter): RestParameter {
    const { name, in: where, style, explode, allowReserved, mediaType, required, spot } = parameter
    const argument = this.free(name, where)
    const converted = this.schemas.convert(parameter.schema, 'input', this.references)
    const told = withDescription(converted, textAt(spot.value, 'description'))
    const travels = required && mediaType === undefined && where === 'query'
    const schema = travels ? this.notEmpty(told, parameter.schema, 'object') : told
    const example = exampleOf(spot, this.schemas.tools.documents)
    this.add(argument, withExample(schema, example), required)
    const { inner } = parameter
    return {
      ...{ argument, name, in: where, style, explode, allowReserved, mediaType },
      ...(inner === undefined ? {} : { inner }),
    }
  }

  body(body: Body, parameters: readonly Parameter[], method: string): RestBody {
    const { required, mediaType, form, parts, xml } = body
    const from =
      body.plain === undefined || clashes(body, parameters)
        ? this.whole(body)
        : this.spread(body, body.plain, method)
    return { from, required, mediaType, form, parts, ...xml }
  }

  private whole(body: Body): RestBody['from'] {
    const argument = this.free('body', 'request')
    const schema =
      body.form === 'binary' || (body.form === 'text' && this.isFile(body.schema))
        ? fileSchema
        : body.form === 'text'
          ? { type: 'string' }
          : this.wholeSchema(body)
    this.add(argument, withDescription(schema, body.description), body.required)
    return { kind: 'argument', argument }
  }

  /** Files of a form are written in another way than JSON says, also within one argument. */
  private wholeSchema(body: Body): JsonSchema {
    const schema = this.schemas.convert(body.schema, 'input', this.references)
    const files = body.parts.filter(({ file }) => file)
    if (files.length === 0) return schema
    const properties: JsonDraft = {}
    for (const { name } of files) setMember(properties, name, anyFile)
    return { type: 'object', properties, additionalProperties: true }
  }

  private spread(body: Body, plain: NonNullable<Body['plain']>, method: string): RestBody['from'] {
    const properties: Record<string, string> = {}
    // Many descriptions forget `required: true` on the body; where its schema asks for something, it is meant.
    const needed = body.required || ['POST', 'PUT', 'PATCH'].includes(method)
    for (const [name, spot] of plain.properties) {
      const argument = this.free(name, 'body')
      const part = body.parts.find((entry) => entry.name === name)
      const schema =
        part?.file === true
          ? withDescription(this.fileOrFiles(spot), this.descriptionOf(spot))
          : this.schemas.convert(spot, 'input', this.references)
      const isNeeded = needed && plain.required.has(name)
      const isByParts = isNeeded && part?.file === false && part.mediaType === undefined
      this.add(
        argument,
        isByParts && body.form === 'urlencoded'
          ? this.notEmpty(schema, spot, part.style === 'content' ? 'array' : 'object')
          : schema,
        isNeeded,
      )
      properties[name] = argument
    }
    if (plain.choices.length > 0)
      this.choices.push(
        plain.choices
          .map((names) => names.map((name) => properties[name] ?? name).join(' and '))
          .join(', or '),
      )
    return { kind: 'arguments', properties }
  }

  /** What is required, and travels as its items or members alone, is sent only where it has one. */
  private notEmpty(schema: JsonSchema, spot: Spot, up: 'array' | 'object'): JsonSchema {
    const types = this.schemas.tools.documents
      .layers(spot)
      .flatMap(({ value }) => readTypes(memberOf(value, 'type') ?? []).types)
    const [keyword, type] = types.includes('array')
      ? (['minItems', 'array'] as const)
      : (['minProperties', 'object'] as const)
    if (!types.every((one) => one === type) || types.length === 0) return schema
    if (schema[keyword] !== undefined || (type === 'object' && up === 'array')) return schema
    return { ...schema, [keyword]: 1 }
  }

  private fileOrFiles(spot: Spot): JsonSchema {
    const layers = this.schemas.tools.documents.layers(spot)
    const isList = layers.some(({ value }) => textAt(value, 'type') === 'array')
    return isList ? { type: 'array', items: fileSchema } : fileSchema
  }

  private descriptionOf(spot: Spot): string | undefined {
    return this.schemas.tools.documents
      .layers(spot)
      .map(({ value }) => textAt(value, 'description'))
      .find((text) => text !== undefined)
  }

  private isFile(spot: Spot): boolean {
    return isFile(spot, undefined, this.schemas.tools)
  }

  private add(argument: string, schema: JsonSchema, required: boolean): void {
    setMember(this.properties, argument, schema)
    if (required) this.required.push(argument)
  }

  /** `filter[name]` as `filter_name`: providers take names of 1 to 64 of `[A-Za-z0-9_.-]`, some without the dot. */
  private free(wire: string, where: string): string {
    const plain = wire
      .replaceAll(/[^A-Za-z0-9_-]+/g, '_')
      .replaceAll(/^_+(?=[A-Za-z0-9])|(?<=[A-Za-z0-9])_+$/g, '')
      .slice(0, 60)
    const base = plain === '' || /^_+$/.test(plain) ? `${where}_value` : plain
    if (this.isFree(base)) return base
    const placed = `${base.slice(0, 50)}_${where}`
    if (this.isFree(placed)) return placed
    for (let number = 2; ; number++) {
      const numbered = `${placed}_${number}`
      if (this.isFree(numbered)) return numbered
    }
  }

  private isFree(name: string): boolean {
    return !Object.hasOwn(this.properties, name) && name !== '__proto__'
  }
}

/** A file as an argument: text as it is, or bytes. */
const fileSchema: JsonSchema = {
  anyOf: [
    { type: 'string', description: 'Content of a text file' },
    {
      type: 'object',
      properties: {
        data: { type: 'string', contentEncoding: 'base64', description: 'Content in base64' },
        mediaType: {
          type: 'string',
          pattern: '^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+$',
          description: 'E.g. image/png',
        },
        fileName: { type: 'string' },
      },
      required: ['data'],
      additionalProperties: false,
    },
  ],
}
const anyFile: JsonSchema = {
  anyOf: [fileSchema, { type: 'array', items: fileSchema }],
}

/** What the parameter says of itself goes before what its schema says. */
function withDescription(schema: JsonSchema, raw: string | undefined): JsonSchema {
  const text = raw === undefined ? '' : plainText(raw, descriptionCharsMax)
  if (text === '' || text === schema['description']) return schema
  const hints = textAt(schema, 'description')
  return {
    ...schema,
    description: hints === undefined || text.includes(hints) ? text : `${text}\n${hints}`,
  }
}

/** An example beside the schema (OpenAPI 3.1 section 4.8.12.1). */
function withExample(schema: JsonSchema, example: unknown): JsonSchema {
  if (schema['examples'] !== undefined) return schema
  if (example === undefined || example === null || example === '') return schema
  return isSample(example, 200) ? { ...schema, examples: [example] } : schema
}
