/** What one problem of ajv means: what was expected, and what may have been meant. */
import type { ErrorObject } from 'ajv'
import { nearest } from '../kit/nearest.ts'
import { cut, isObject, json, kindOf } from './value-text.ts'

const expectedChars = 160

export interface Expectation {
  /** Shortened to 160 characters. */
  readonly expected: string
  readonly hint?: string | undefined
  /** The member of the value that the problem is about. */
  readonly member?: string
}

export function expectation(error: ErrorObject, value: unknown): Expectation {
  const params: Readonly<Record<string, unknown>> = error.params
  const schema: unknown = error.parentSchema
  switch (error.keyword) {
    case 'type':
      return {
        expected: String(params['type']).replaceAll(',', ' or '),
        hint: typeHint(params['type'], value),
      }
    case 'enum':
      return fromEnum(params['allowedValues'], value)
    case 'const':
      return { expected: json(params['allowedValue']) }
    case 'required':
    case 'dependentRequired':
    case 'dependencies':
      return missing(String(params['missingProperty']), schema, value)
    case 'additionalProperties':
    case 'unevaluatedProperties':
      return unknownMember(
        String(params['additionalProperty'] ?? params['unevaluatedProperty']),
        schema,
        value,
      )
    case 'propertyNames':
      return { expected: 'a valid member name', member: String(params['propertyName']) }
    case 'anyOf':
    case 'oneOf':
      return { expected: alternatives(error) }
    case 'format':
      return { expected: `a string of format ${String(params['format'])}` }
    case 'pattern':
      return { expected: `a string matching ${String(params['pattern'])}` }
    case 'uniqueItems':
      return { expected: 'items that all differ' }
    case 'false schema':
      return { expected: 'nothing here', hint: 'Leave it out.' }
    default:
      return { expected: bound(error) }
  }
}

const bounds: Readonly<Record<string, string>> = {
  minLength: 'a string of at least # characters',
  maxLength: 'a string of at most # characters',
  minItems: 'at least # items',
  maxItems: 'at most # items',
  items: 'at most # items',
  additionalItems: 'at most # items',
  unevaluatedItems: 'at most # items',
  minProperties: 'at least # members',
  maxProperties: 'at most # members',
  minimum: 'a number >= #',
  maximum: 'a number <= #',
  exclusiveMinimum: 'a number > #',
  exclusiveMaximum: 'a number < #',
  multipleOf: 'a multiple of #',
}

function bound(error: ErrorObject): string {
  const params: Readonly<Record<string, unknown>> = error.params
  const limit = params['limit'] ?? params['multipleOf'] ?? params['len']
  const text = bounds[error.keyword]
  if (text !== undefined) return text.replace('#', String(limit))
  return `what "${error.keyword}" of the schema asks for`
}

function alternatives(error: ErrorObject): string {
  const branches: readonly unknown[] = Array.isArray(error.schema) ? error.schema : []
  if (error.keyword === 'oneOf' && error.params['passingSchemas'] !== null)
    return 'a value that fits exactly one of the alternatives'
  const names = branches.map((branch) => {
    if (!isObject(branch)) return undefined
    if ('const' in branch) return json(branch['const'])
    return typeof branch['type'] === 'string' ? branch['type'] : undefined
  })
  if (names.length > 0 && names.every((name) => name !== undefined))
    return [...new Set(names)].join(' or ')
  return `one of ${branches.length} alternative forms`
}

function missing(name: string, schema: unknown, value: unknown): Expectation {
  const declared = propertyNames(schema)
  const candidates = isObject(value)
    ? Object.keys(value).filter((key) => !declared.includes(key))
    : []
  const near = nearest(name, candidates)
  const type = typeOf(
    isObject(schema) && isObject(schema['properties']) ? schema['properties'][name] : undefined,
  )
  return {
    expected: `a required member${type === undefined ? '' : ` of type ${type}`}`,
    member: name,
    hint: near === undefined ? undefined : `Did you mean this by "${cut(near, 40)}"?`,
  }
}

function unknownMember(name: string, schema: unknown, value: unknown): Expectation {
  const present = isObject(value) ? value : {}
  const free = propertyNames(schema).filter((key) => !Object.hasOwn(present, key))
  const near = nearest(name, free)
  if (near !== undefined)
    return { expected: 'no such member', member: name, hint: `Did you mean "${cut(near, 40)}"?` }
  const known = propertyNames(schema).join(', ')
  return {
    expected: 'no such member',
    member: name,
    hint: known === '' ? 'Leave it out.' : `Known members: ${cut(known, expectedChars)}.`,
  }
}

function fromEnum(allowed: unknown, value: unknown): Expectation {
  const list: readonly unknown[] = Array.isArray(allowed) ? allowed : []
  const near =
    typeof value === 'string'
      ? nearest(
          value,
          list.filter((entry) => typeof entry === 'string'),
        )
      : undefined
  const names = list.slice(0, 20).map(json).join(', ')
  return {
    expected: `one of ${names}${list.length > 20 ? ` and ${list.length - 20} more` : ''}`,
    hint: near === undefined ? undefined : `Did you mean ${json(near)}?`,
  }
}

function typeHint(expected: unknown, value: unknown): string | undefined {
  const types: readonly unknown[] = Array.isArray(expected) ? expected : [expected]
  if (types.includes('array') && !Array.isArray(value) && typeof value !== 'string')
    return value === undefined ? undefined : 'Put it into a list: [ ... ].'
  if (typeof value !== 'string' || value.length > 10_000) return undefined
  const meant = parsed(value)
  if (meant === undefined)
    return types.includes('array') ? 'Put it into a list: [ ... ].' : undefined
  const type = kindOf(meant)
  const fits =
    types.includes(type) ||
    (type === 'number' && Number.isInteger(meant) && types.includes('integer'))
  return fits ? 'Send the JSON value itself, not a string of it.' : undefined
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function typeOf(schema: unknown): string | undefined {
  const type = isObject(schema) ? schema['type'] : undefined
  return typeof type === 'string' ? type : undefined
}

function propertyNames(schema: unknown): readonly string[] {
  return isObject(schema) && isObject(schema['properties']) ? Object.keys(schema['properties']) : []
}
