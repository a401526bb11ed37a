/** Messages as JSON Schema of their proto3 JSON form (protobuf.dev, "ProtoJSON Format"). */
import { type DescEnum, type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf'
import type { JsonSchema } from '../../../model/conversion.ts'
import { commentOf } from './comments.ts'
import { behaviorsOf } from './options.ts'

export type Direction = 'in' | 'out'

const definitionsMax = 200
const inlineDepthMax = 6
const aboutCharactersMax = 400
/** Of both alphabets, with or without padding. */
const base64 = '^([A-Za-z0-9+/_-]{4})*([A-Za-z0-9+/_-]{2}(==)?|[A-Za-z0-9+/_-]{3}=?)?$'
const integer64 = '^-?[0-9]+$'

/** The well-known types that have a JSON form of their own. */
function wellKnown(name: string, direction: Direction): JsonSchema | undefined {
  switch (name) {
    case 'google.protobuf.Timestamp':
      return {
        type: 'string',
        format: 'date-time',
        description: 'RFC 3339, e.g. 2026-03-01T09:30:00Z',
      }
    case 'google.protobuf.Duration':
      return {
        type: 'string',
        pattern: '^-?[0-9]+(\\.[0-9]{1,9})?s$',
        description: 'Seconds with an s behind, e.g. 1.5s',
      }
    case 'google.protobuf.FieldMask':
      return { type: 'string', description: 'Names of fields in camelCase, joined by commas' }
    case 'google.protobuf.Struct':
      return { type: 'object', description: 'Any JSON object' }
    case 'google.protobuf.Value':
      return { description: 'Any JSON value' }
    case 'google.protobuf.ListValue':
      return { type: 'array', description: 'Any JSON values' }
    case 'google.protobuf.Any':
      return {
        type: 'object',
        description: 'A message of any type: "@type" has its type URL, beside its own fields',
      }
    case 'google.protobuf.Empty':
      return {
        type: 'object',
        properties: {},
        ...(direction === 'in' ? { additionalProperties: false } : {}),
      }
    case 'google.protobuf.DoubleValue':
      return orNull(scalarSchema(ScalarType.DOUBLE, direction))
    case 'google.protobuf.FloatValue':
      return orNull(scalarSchema(ScalarType.FLOAT, direction))
    case 'google.protobuf.Int64Value':
      return orNull(scalarSchema(ScalarType.INT64, direction))
    case 'google.protobuf.UInt64Value':
      return orNull(scalarSchema(ScalarType.UINT64, direction))
    case 'google.protobuf.Int32Value':
      return orNull(scalarSchema(ScalarType.INT32, direction))
    case 'google.protobuf.UInt32Value':
      return orNull(scalarSchema(ScalarType.UINT32, direction))
    case 'google.protobuf.BoolValue':
      return orNull(scalarSchema(ScalarType.BOOL, direction))
    case 'google.protobuf.StringValue':
      return orNull(scalarSchema(ScalarType.STRING, direction))
    case 'google.protobuf.BytesValue':
      return orNull(scalarSchema(ScalarType.BYTES, direction))
    default:
      return undefined
  }
}

/** Whether the JSON form of a message is always an object. */
export function isObject({ typeName }: DescMessage): boolean {
  return (
    wellKnown(typeName, 'out')?.['type'] === 'object' || wellKnown(typeName, 'out') === undefined
  )
}

function orNull(schema: JsonSchema): JsonSchema {
  const { type } = schema
  const types: readonly unknown[] = Array.isArray(type) ? type : [type]
  return { ...schema, type: [...types, 'null'] }
}

function scalarSchema(scalar: ScalarType, direction: Direction): JsonSchema {
  switch (scalar) {
    case ScalarType.BOOL:
      return { type: 'boolean' }
    case ScalarType.STRING:
      return { type: 'string' }
    case ScalarType.BYTES:
      return {
        type: 'string',
        contentEncoding: 'base64',
        ...(direction === 'in' ? { pattern: base64 } : {}),
      }
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return { type: ['number', 'string'], pattern: '^(-?Infinity|NaN)$' }
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return { type: 'integer', minimum: -2_147_483_648, maximum: 2_147_483_647 }
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return { type: 'integer', minimum: 0, maximum: 4_294_967_295 }
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return direction === 'in'
        ? { type: ['string', 'integer'], pattern: integer64 }
        : { type: 'string', pattern: integer64 }
  }
}

export interface MessageSchema {
  readonly schema: JsonSchema
  /** Types that are too many to describe. */
  readonly cut: readonly string[]
  /** Full names of all messages in it. */
  readonly messages: ReadonlySet<string>
}

/** The schema of a tool's arguments or answer; messages that occur twice stand in `$defs`. */
export function messageSchema(message: DescMessage, direction: Direction): MessageSchema {
  return new Writer(direction).root(message)
}

class Writer {
  private readonly direction: Direction
  private readonly counts = new Map<string, number>()
  private readonly labels = new Map<string, string>()
  private readonly definitions = new Map<string, JsonSchema>()
  private readonly cut = new Set<string>()
  private described = 0

  constructor(direction: Direction) {
    this.direction = direction
  }

  root(message: DescMessage): MessageSchema {
    this.countUses(message)
    const known = wellKnown(message.typeName, this.direction)
    const body = isObject(message)
      ? (known ?? this.object(message, 0))
      : { type: 'object', properties: { value: known ?? {} }, required: ['value'] }
    const schema =
      this.definitions.size === 0 ? body : { ...body, $defs: Object.fromEntries(this.definitions) }
    return { schema, cut: [...this.cut], messages: new Set(this.counts.keys()) }
  }

  private countUses(root: DescMessage): void {
    const queue = [root]
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      const count = this.counts.get(next.typeName) ?? 0
      this.counts.set(next.typeName, count + 1)
      if (count > 0 || wellKnown(next.typeName, this.direction) !== undefined) continue
      for (const field of next.fields)
        if (this.isShown(field) && field.message !== undefined) queue.push(field.message)
    }
  }

  /** What only a server sets is no argument. */
  private isShown(field: DescField): boolean {
    return this.direction === 'out' || !behaviorsOf(field.proto.options).has('OUTPUT_ONLY')
  }

  private object(message: DescMessage, depth: number): JsonSchema {
    const fields = message.fields.filter((field) => this.isShown(field))
    const required =
      this.direction === 'in' ? fields.filter(isRequired).map(({ jsonName }) => jsonName) : []
    const isShared = this.definitions.has(this.label(message))
    const comment = isShared ? commentOf(message, aboutCharactersMax) : undefined
    const description = sentences(comment, this.direction === 'in' ? oneofHint(message) : undefined)
    return {
      type: 'object',
      ...(description === undefined ? {} : { description }),
      properties: Object.fromEntries(
        fields.map((field) => [field.jsonName, this.field(field, depth)]),
      ),
      ...(required.length === 0 ? {} : { required }),
      ...(this.direction === 'in' ? { additionalProperties: false } : {}),
    }
  }

  private field(field: DescField, depth: number): JsonSchema {
    const schema = this.value(field, depth)
    const own = schema['description']
    const isInline = field.fieldKind === 'message' && schema['properties'] !== undefined
    const about = sentences(
      field.deprecated ? 'Deprecated.' : undefined,
      commentOf(field, aboutCharactersMax) ??
        (isInline ? commentOf(field.message, aboutCharactersMax) : undefined),
      typeof own === 'string' ? own : undefined,
    )
    return about === undefined ? schema : { ...schema, description: about }
  }

  private value(field: DescField, depth: number): JsonSchema {
    switch (field.fieldKind) {
      case 'scalar':
        return scalarSchema(field.scalar, this.direction)
      case 'enum':
        return this.enumeration(field.enum)
      case 'message':
        return this.message(field.message, depth)
      case 'list': {
        const items =
          field.listKind === 'scalar'
            ? scalarSchema(field.scalar, this.direction)
            : field.listKind === 'enum'
              ? this.enumeration(field.enum)
              : this.message(field.message, depth)
        return { type: 'array', items }
      }
      case 'map': {
        const values =
          field.mapKind === 'scalar'
            ? scalarSchema(field.scalar, this.direction)
            : field.mapKind === 'enum'
              ? this.enumeration(field.enum)
              : this.message(field.message, depth)
        return { type: 'object', additionalProperties: values, ...keySchema(field.mapKey) }
      }
    }
  }

  private enumeration(one: DescEnum): JsonSchema {
    if (one.typeName === 'google.protobuf.NullValue') return { type: 'null' }
    const names = one.values.map(({ name }) => name)
    // A value that is newer than the description comes as its number.
    return this.direction === 'in' || !one.open
      ? { type: 'string', enum: names }
      : { anyOf: [{ type: 'string', enum: names }, { type: 'integer' }] }
  }

  private message(message: DescMessage, depth: number): JsonSchema {
    const known = wellKnown(message.typeName, this.direction)
    if (known !== undefined) return known
    const label = this.label(message)
    const reference = { $ref: `#/$defs/${label}` }
    if (this.definitions.has(label)) return reference
    if (this.described >= definitionsMax) {
      this.cut.add(message.typeName)
      return {
        type: 'object',
        description: `A ${message.typeName}; its fields are not described here.`,
      }
    }
    this.described += 1
    if (this.counts.get(message.typeName) === 1 && depth < inlineDepthMax)
      return this.object(message, depth + 1)
    this.definitions.set(label, {})
    this.definitions.set(label, this.object(message, 1))
    return reference
  }

  /** The name without its package, unless another message has it too. */
  private label({ typeName, name }: DescMessage): string {
    const known = this.labels.get(typeName)
    if (known !== undefined) return known
    const isTaken = [...this.labels.values()].includes(name)
    const label = isTaken ? typeName : name
    this.labels.set(typeName, label)
    return label
  }
}

function isRequired(field: DescField): boolean {
  return field.proto.label === 2 || behaviorsOf(field.proto.options).has('REQUIRED')
}

function keySchema(key: ScalarType): JsonSchema {
  if (key === ScalarType.STRING) return {}
  return key === ScalarType.BOOL
    ? { propertyNames: { enum: ['true', 'false'] } }
    : { propertyNames: { pattern: integer64 } }
}

function oneofHint({ oneofs }: DescMessage): string | undefined {
  const hints = oneofs
    .filter(({ fields }) => fields.length > 1)
    .map(
      ({ fields }) => `Give at most one of: ${fields.map(({ jsonName }) => jsonName).join(', ')}.`,
    )
  return sentences(...hints)
}

function sentences(...parts: readonly (string | undefined)[]): string | undefined {
  const said = parts.filter((part) => part !== undefined)
  return said.length === 0 ? undefined : said.join(' ')
}
