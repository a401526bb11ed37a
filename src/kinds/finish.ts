/** What is done to the tools of every kind after their conversion. */
import type { Conversion, JsonSchema, Provided } from '../model/conversion.ts'
import { Compactor } from './compact.ts'
import { fill } from './fill.ts'
import { isSchema, mapParts } from './schema-map.ts'
import { repeatsName } from './verbs.ts'

/**
 * The same conversion without descriptions of arguments and members that only repeat their names, and without the
 * arguments that the gateway fills; schemas that are too large for a list are summarised.
 */
export function finish(given: Conversion, provided: Provided): Conversion {
  const conversion = fill(given, provided)
  const seen = new WeakMap<JsonSchema, JsonSchema>()
  const tidy = (schema: JsonSchema): JsonSchema => {
    let result = seen.get(schema)
    if (result === undefined) {
      result = mapParts(schema, (part, keyword, key) => {
        const inner = tidy(part)
        const { description } = inner
        if (keyword !== 'properties' || typeof description !== 'string') return inner
        if (!repeatsName(description, key)) return inner
        const { description: _, ...rest } = inner
        return rest
      })
      seen.set(schema, result)
    }
    return result
  }
  const definitions = new WeakMap<JsonSchema, unknown>()
  // Tools about the same thing share their definitions, which stay shared.
  const tidyRoot = (schema: JsonSchema): JsonSchema => {
    const { $defs, ...rest } = schema
    if (!isSchema($defs)) return tidy(schema)
    if (!definitions.has($defs)) definitions.set($defs, tidy({ $defs })['$defs'])
    return { ...tidy(rest), $defs: definitions.get($defs) }
  }
  const compactor =
    provided.schemas === 'compact' ? new Compactor(conversion.tools.length) : undefined
  return {
    ...conversion,
    tools: conversion.tools.map((tool) => {
      const { inputSchema, outputSchema } = tool.definition
      const whole = {
        ...tool.definition,
        inputSchema: tidyRoot(inputSchema),
        ...(outputSchema === undefined ? {} : { outputSchema: tidyRoot(outputSchema) }),
      }
      if (compactor === undefined) return { ...tool, definition: whole }
      const { definition, judged } = compactor.compact(whole)
      return { ...tool, definition, ...(judged === undefined ? {} : { judged }) }
    }),
  }
}
