/** Rewrites the schemas inside a schema. Schemas that tools share stay shared, and those that do not change the same. */
import type { JsonSchema } from '../model/conversion.ts'

const oneSchema: ReadonlySet<string> = new Set([
  ...['items', 'additionalProperties', 'unevaluatedProperties', 'unevaluatedItems', 'contains'],
  ...['not', 'if', 'then', 'else', 'propertyNames'],
])
const listOfSchemas: ReadonlySet<string> = new Set(['anyOf', 'oneOf', 'allOf', 'prefixItems'])
const mapOfSchemas: ReadonlySet<string> = new Set([
  ...['properties', 'patternProperties', 'dependentSchemas', '$defs', 'definitions'],
])

/** The same schema with each schema directly inside it as `map` gives it; `key` is its name in a map of schemas. */
export function mapParts(
  schema: JsonSchema,
  map: (part: JsonSchema, keyword: string, key: string) => JsonSchema,
): JsonSchema {
  let result: Record<string, unknown> | undefined
  const put = (keyword: string, before: unknown, after: unknown): void => {
    if (after === before) return
    result ??= { ...schema }
    result[keyword] = after
  }
  for (const [keyword, value] of Object.entries(schema)) {
    if (oneSchema.has(keyword) && isSchema(value)) put(keyword, value, map(value, keyword, ''))
    else if (listOfSchemas.has(keyword) && Array.isArray(value)) {
      const parts = value.map((part: unknown) => (isSchema(part) ? map(part, keyword, '') : part))
      put(keyword, value, parts.some((part, at) => part !== value[at]) ? parts : value)
    } else if (mapOfSchemas.has(keyword) && isSchema(value)) {
      const parts = Object.entries(value).map(([key, part]): [string, unknown] => [
        key,
        isSchema(part) ? map(part, keyword, key) : part,
      ])
      // `fromEntries` defines: a property may be called __proto__.
      const changed = parts.some(([key, part]) => part !== value[key])
      put(keyword, value, changed ? Object.fromEntries(parts) : value)
    }
  }
  return result ?? schema
}

export const isSchema = (value: unknown): value is JsonSchema =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
