/** The JSON form of a message (ProtoJSON) with each of its scalars replaced, by what the descriptor says of it. */
import { type DescField, type DescMessage, type Registry, ScalarType } from '@bufbuild/protobuf'

/** `scalar` is undefined where the description says nothing, e.g. in a `Struct`. */
export type MapScalar = (scalar: ScalarType | undefined, value: unknown) => unknown

const fieldsByName = new WeakMap<DescMessage, ReadonlyMap<string, DescField>>()

function fieldsOf(message: DescMessage): ReadonlyMap<string, DescField> {
  let fields = fieldsByName.get(message)
  if (fields === undefined) {
    fields = new Map(
      message.fields.flatMap((field) => [
        [field.name, field] as const,
        [field.jsonName, field] as const,
      ]),
    )
    fieldsByName.set(message, fields)
  }
  return fields
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value)
  )
}

export function mapScalars(
  message: DescMessage | undefined,
  json: unknown,
  map: MapScalar,
  registry: Registry,
): unknown {
  const inner = (desc: DescMessage | undefined, value: unknown): unknown =>
    mapScalars(desc, value, map, registry)
  const each = (value: unknown, one: (entry: unknown) => unknown): unknown =>
    isObject(value)
      ? Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, one(entry)]))
      : value
  if (Array.isArray(json)) return json.map((entry: unknown) => inner(message, entry))
  if (!isObject(json)) return map(message && wrapped(message), json)
  const any = json['@type']
  const desc =
    message?.typeName === 'google.protobuf.Any' && typeof any === 'string'
      ? registry.getMessage(any.slice(any.lastIndexOf('/') + 1))
      : message
  const fields = desc === undefined ? undefined : fieldsOf(desc)
  return Object.fromEntries(
    Object.entries(json).map(([key, value]) => {
      const field = fields?.get(key)
      if (field === undefined) return [key, inner(undefined, value)]
      if (field.fieldKind === 'list' && Array.isArray(value))
        return [key, value.map((entry: unknown) => one(field, entry))]
      return [
        key,
        field.fieldKind === 'map' ? each(value, (entry) => one(field, entry)) : one(field, value),
      ]
    }),
  )

  function one(field: DescField, value: unknown): unknown {
    if (field.message !== undefined) return inner(field.message, value)
    return field.scalar === undefined ? value : map(field.scalar, value)
  }
}

/** What a wrapper such as `google.protobuf.FloatValue` holds; its JSON is the value itself. */
function wrapped({ typeName, fields }: DescMessage): ScalarType | undefined {
  return /^google\.protobuf\.\w+Value$/.test(typeName) ? fields[0]?.scalar : undefined
}

const withFloats = new WeakMap<DescMessage, boolean>()

/** Whether a message, or one within it, may hold a 32-bit float. */
export function holdsFloats(message: DescMessage): boolean {
  const known = withFloats.get(message)
  if (known !== undefined) return known
  const seen = new Set([message])
  for (const { typeName, fields } of seen) {
    // Whatever it holds is known by the message itself only.
    if (typeName === 'google.protobuf.Any') break
    for (const { scalar, message: of } of fields) {
      if (scalar === ScalarType.FLOAT) {
        withFloats.set(message, true)
        return true
      }
      if (of !== undefined) seen.add(of)
    }
  }
  const isOpen = [...seen].some(({ typeName }) => typeName === 'google.protobuf.Any')
  withFloats.set(message, isOpen)
  return isOpen
}
