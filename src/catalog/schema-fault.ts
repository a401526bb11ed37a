import { namedBy } from '../kit/json-pointer.ts'

/** Why a compiler of JSON Schema would refuse a schema. Clients compile the output schemas of a list when they get it. */

const types: ReadonlySet<unknown> = new Set([
  'string',
  'number',
  'integer',
  'boolean',
  'object',
  'array',
  'null',
])
type Rule = (value: unknown) => boolean
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isText: Rule = (value) => typeof value === 'string'
const isTexts: Rule = (value) => Array.isArray(value) && value.every(isText)
const isNumber: Rule = (value) => typeof value === 'number'
const isCount: Rule = (value) => Number.isSafeInteger(value) && Number(value) >= 0
const isFlag: Rule = (value) => typeof value === 'boolean'
const isSchema: Rule = (value) => isRecord(value) || typeof value === 'boolean'
const areSchemas: Rule = (value) =>
  Array.isArray(value) && value.length > 0 && value.every(isSchema)
const byName: Rule = (value) => isRecord(value) && Object.values(value).every(isSchema)
const isPattern: Rule = (value) => {
  try {
    // Only read, never run.
    new RegExp(String(value), 'u')
    return isText(value)
  } catch {
    return false
  }
}

/** The keywords of all drafts, and what stands behind them (json-schema.org, validation and core vocabularies). */
const rules: Readonly<Record<string, Rule>> = {
  $id: (value) => isText(value) && !/^#|#./.test(String(value)),
  $schema: isText,
  $ref: isText,
  $anchor: (value) => isText(value) && /^[A-Za-z_][-A-Za-z0-9._]*$/.test(String(value)),
  type: (value) =>
    Array.isArray(value)
      ? value.length > 0 &&
        value.every((type) => types.has(type)) &&
        new Set(value).size === value.length
      : types.has(value),
  enum: (value) => Array.isArray(value) && value.length > 0,
  required: (value) => isTexts(value),
  properties: byName,
  patternProperties: (value) =>
    byName(value) && isRecord(value) && Object.keys(value).every(isPattern),
  definitions: byName,
  $defs: byName,
  dependentSchemas: byName,
  dependentRequired: (value) => isRecord(value) && Object.values(value).every(isTexts),
  dependencies: (value) =>
    isRecord(value) && Object.values(value).every((one) => isSchema(one) || isTexts(one)),
  items: (value) => isSchema(value) || areSchemas(value),
  prefixItems: areSchemas,
  additionalItems: isSchema,
  additionalProperties: isSchema,
  unevaluatedItems: isSchema,
  unevaluatedProperties: isSchema,
  propertyNames: isSchema,
  contains: isSchema,
  not: isSchema,
  if: isSchema,
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  then: isSchema,
  else: isSchema,
  allOf: areSchemas,
  anyOf: areSchemas,
  oneOf: areSchemas,
  pattern: isPattern,
  format: isText,
  minimum: isNumber,
  maximum: isNumber,
  exclusiveMinimum: isNumber,
  exclusiveMaximum: isNumber,
  multipleOf: (value) => isNumber(value) && Number(value) > 0,
  minLength: isCount,
  maxLength: isCount,
  minItems: isCount,
  maxItems: isCount,
  minProperties: isCount,
  maxProperties: isCount,
  minContains: isCount,
  maxContains: isCount,
  uniqueItems: isFlag,
  nullable: isFlag,
}
/** Keywords whose reading depends on the draft and on what else the document holds. */
const dynamic: ReadonlySet<string> = new Set([
  '$dynamicRef',
  '$recursiveRef',
  '$dynamicAnchor',
  'discriminator',
])
/** Values of these are data. */
const data: ReadonlySet<string> = new Set(['const', 'enum', 'default', 'example', 'examples'])
const maps: ReadonlySet<string> = new Set([
  'properties',
  'patternProperties',
  'definitions',
  '$defs',
  'dependentSchemas',
  'dependencies',
])

const nodesMax = 50_000

/** @returns undefined for a schema that every compiler takes */
export function schemaFault(raw: string): string | undefined {
  const root: unknown = JSON.parse(raw)
  const waiting: { readonly node: unknown; readonly path: string }[] = [{ node: root, path: '#' }]
  const references: string[] = []
  let hasIds = false
  for (let count = 0; waiting.length > 0; count++) {
    if (count > nodesMax) return 'it is too large'
    const { node, path } = waiting.pop() ?? { node: true, path: '' }
    if (!isRecord(node)) continue
    for (const [key, value] of Object.entries(node)) {
      const rule = Object.hasOwn(rules, key) ? rules[key] : undefined
      if (rule?.(value) === false)
        return `${path}/${key} has a value that the keyword does not take`
      if (dynamic.has(key)) return `${path}/${key} is not understood by all clients`
      if (key === '$ref') references.push(String(value))
      if ((key === '$id' && path !== '#') || key === '$anchor') hasIds = true
      if (data.has(key)) continue
      const inner = maps.has(key) && isRecord(value) ? Object.entries(value) : undefined
      for (const [name, schema] of inner ?? (Array.isArray(value) ? [...value.entries()] : []))
        waiting.push({ node: schema, path: `${path}/${key}/${name}` })
      if (inner === undefined && isRecord(value))
        waiting.push({ node: value, path: `${path}/${key}` })
    }
    if ('minContains' in node || 'maxContains' in node)
      if (!('contains' in node)) return `${path} counts what it does not name`
    // OpenAPI's `nullable`, as ajv takes it.
    if ('nullable' in node && !('type' in node)) return `${path} is nullable and has no type`
    if (node['nullable'] === false && [node['type']].flat().includes('null'))
      return `${path} is null and not nullable`
  }
  const bad = references.find((reference) => hasIds || !resolves(root, reference))
  return bad === undefined ? undefined : `the reference ${bad.slice(0, 100)} leads nowhere in it`
}

/** Whether a reference is a JSON pointer to a schema in the same document (RFC 6901). */
function resolves(root: unknown, reference: string, steps = 0): boolean {
  if (reference !== '#' && !reference.startsWith('#/')) return false
  let at: unknown = root
  for (const part of reference === '#' ? [] : reference.slice(2).split('/')) {
    let key: string
    try {
      key = namedBy(decodeURIComponent(part))
    } catch {
      return false
    }
    if ((!isRecord(at) && !Array.isArray(at)) || !Object.hasOwn(at, key)) return false
    at = Reflect.get(at, key)
  }
  if (!isSchema(at)) return false
  const next = isRecord(at) && saysNothingElse(at) ? at['$ref'] : undefined
  return next === undefined || (steps < stepsMax && resolves(root, String(next), steps + 1))
}

/** Of references that stand alone and lead to one another. */
const stepsMax = 100
const beside: ReadonlySet<string> = new Set([
  '$ref',
  '$id',
  '$schema',
  '$anchor',
  '$defs',
  'definitions',
])

/** Whether a schema is a reference and nothing else, so that readers go on to where it leads. */
function saysNothingElse(schema: Readonly<Record<string, unknown>>): boolean {
  return (
    '$ref' in schema &&
    Object.keys(schema).every((key) => beside.has(key) || !Object.hasOwn(rules, key))
  )
}
