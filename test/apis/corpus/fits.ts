/** Whether a value fits a schema as a description writes it (OpenAPI 2.0 to 3.1, AsyncAPI), read without our converter. */
import { isSchema, type Schema } from '../round-trip.ts'

export type Resolve = (value: unknown) => unknown

/** A reader of local references; a reference that leads out of the document throws. */
export function resolverOf(document: unknown): Resolve {
  return (value) => {
    let at = value
    for (let hops = 0; isSchema(at) && typeof at['$ref'] === 'string'; hops++) {
      const reference = at['$ref']
      if (!reference.startsWith('#') || hops > 30)
        throw new Error(`a reference leads to another file, ${reference}`)
      at = reference
        .slice(2)
        .split('/')
        .filter((step) => step !== '')
        .map((step) => decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~'))
        .reduce<unknown>(
          (holder, step) =>
            isSchema(holder) || Array.isArray(holder) ? Reflect.get(holder, step) : undefined,
          document,
        )
    }
    return at
  }
}

const depthMax = 12

/** What is wrong with a value, or undefined. Formats, patterns and bounds are not looked at. */
export function misfit(
  value: unknown,
  given: unknown,
  resolve: Resolve,
  depth = 0,
): string | undefined {
  const schema = resolve(given)
  if (!isSchema(schema) || depth > depthMax) return undefined
  const type = schema['type']
  const types = typeof type === 'string' ? [type] : Array.isArray(type) ? type : []
  if (value === null)
    return types.length === 0 || types.includes('null') || schema['nullable'] === true
      ? undefined
      : 'null'
  const isOf = types.length === 0 || types.some((one) => one === 'file' || isType(value, one))
  if (!isOf) return `type ${types.join('|')}`
  const values = schema['enum']
  if (Array.isArray(values) && !values.some((one) => same(one, value))) return 'enum'
  const inner = (one: unknown): string | undefined => misfit(value, one, resolve, depth + 1)
  for (const part of listAt(schema, 'allOf')) {
    const fault = inner(part)
    if (fault !== undefined) return fault
  }
  for (const keyword of ['oneOf', 'anyOf']) {
    const parts = listAt(schema, keyword)
    if (parts.length > 0 && parts.every((part) => inner(part) !== undefined)) return keyword
  }
  if (Array.isArray(value)) {
    for (const item of value) {
      const fault = misfit(item, schema['items'], resolve, depth + 1)
      if (fault !== undefined) return fault
    }
    return undefined
  }
  return isSchema(value) ? misfitOfObject(value, schema, resolve, depth) : undefined
}

function misfitOfObject(
  value: Schema,
  schema: Schema,
  resolve: Resolve,
  depth: number,
): string | undefined {
  const properties = isSchema(schema['properties']) ? schema['properties'] : {}
  for (const name of listAt(schema, 'required')) {
    if (typeof name !== 'string' || Object.hasOwn(value, name)) continue
    // What only answers have is not asked for in a request (OpenAPI 3.0 section 4.7.24.1).
    const property = resolve(properties[name])
    if (isSchema(property) && property['readOnly'] === true) continue
    // What the schema itself forbids nobody can send.
    const isForbidden = schema['additionalProperties'] === false && properties[name] === undefined
    if (isForbidden && schema['patternProperties'] === undefined) continue
    return `without ${name}`
  }
  const declared = namesOf(schema, resolve)
  for (const [name, member] of Object.entries(value)) {
    if (Object.hasOwn(properties, name)) {
      const fault = misfit(member, properties[name], resolve, depth + 1)
      if (fault !== undefined) return `${name}: ${fault}`
    } else if (depth === 0 && declared !== undefined && !declared.has(name))
      return `unknown ${name}`
  }
  return undefined
}

/** Names of members that a schema knows; undefined: it takes any. */
export function namesOf(
  given: unknown,
  resolve: Resolve,
  depth = 0,
): ReadonlySet<string> | undefined {
  const schema = resolve(given)
  if (!isSchema(schema) || depth > depthMax) return undefined
  const more = schema['additionalProperties']
  if (more === true || isSchema(more) || schema['patternProperties'] !== undefined) return undefined
  const own = isSchema(schema['properties']) ? Object.keys(schema['properties']) : []
  const parts = ['allOf', 'oneOf', 'anyOf'].flatMap((keyword) => listAt(schema, keyword))
  const all = new Set(own)
  for (const part of parts) {
    const names = namesOf(part, resolve, depth + 1)
    if (names === undefined) return undefined
    for (const name of names) all.add(name)
  }
  return all.size === 0 ? undefined : all
}

export function listAt(holder: Schema, key: string): readonly unknown[] {
  const member = holder[key]
  return Array.isArray(member) ? member : []
}

function isType(value: unknown, type: unknown): boolean {
  switch (type) {
    case 'string':
      return typeof value === 'string'
    case 'integer':
      return Number.isInteger(value)
    case 'number':
      return typeof value === 'number'
    case 'boolean':
      return typeof value === 'boolean'
    case 'array':
      return Array.isArray(value)
    case 'object':
      return isSchema(value)
    default:
      return type !== 'null'
  }
}

function same(one: unknown, other: unknown): boolean {
  // YAML readers differ in what they take for a number.
  return JSON.stringify(one) === JSON.stringify(other) || String(one) === String(other)
}

/** The value that a text on the wire stands for, where its schema says that it is no text. */
export function readText(text: string, given: unknown, resolve: Resolve): unknown {
  const schema = resolve(given)
  const type = isSchema(schema) ? schema['type'] : undefined
  const types: readonly unknown[] = Array.isArray(type) ? type : [type]
  if (types.includes('string')) return text
  if ((types.includes('integer') || types.includes('number')) && /^-?\d/.test(text))
    return Number(text)
  if (types.includes('boolean') && /^(true|false)$/.test(text)) return text === 'true'
  return text
}
