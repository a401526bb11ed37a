/** What is done to the tools of every kind after their conversion. */
import type { Conversion, JsonSchema, Provided } from '../model/conversion.ts'
import { fill } from './fill.ts'
import { mapParts } from './schema-map.ts'
import { repeatsName } from './verbs.ts'

/**
 * The same conversion without descriptions of arguments and members that only repeat their names, and without the
 * arguments that the gateway fills.
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
  return {
    ...conversion,
    tools: conversion.tools.map((tool) => {
      const { inputSchema, outputSchema } = tool.definition
      return {
        ...tool,
        definition: {
          ...tool.definition,
          inputSchema: tidy(inputSchema),
          ...(outputSchema === undefined ? {} : { outputSchema: tidy(outputSchema) }),
        },
      }
    }),
  }
}
