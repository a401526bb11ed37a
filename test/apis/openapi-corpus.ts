/** Real descriptions, and what must hold for each of them, whoever wrote it. */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect } from 'vitest'
import { compileSchema } from '../../src/guard/compile.ts'
import { convertOpenapi } from '../../src/kinds/openapi/convert/convert.ts'
import { type Conversion, ConversionFault, conversionCodes } from '../../src/model/conversion.ts'
import {
  type OpenApiSpec,
  openapiSpec,
  type RestCommon,
  type RestPlan,
} from '../../src/model/kinds/openapi.ts'

export type RestConversion = Conversion<RestPlan, RestCommon>
export type RestTool = RestConversion['tools'][number]

export interface CorpusEntry {
  readonly name: string
  readonly text: string
}

const specs = fileURLToPath(new URL('../fixtures/specs/', import.meta.url))
/** A missing folder or file fails: nothing is skipped. */
export const corpusSizes = { openapi: 54, 'openapi-2': 8 } as const

export function corpus(folder: keyof typeof corpusSizes): readonly CorpusEntry[] {
  return readdirSync(`${specs}${folder}`)
    .filter((file) => file.endsWith('.gz'))
    .sort()
    .map((file) => ({
      name: `${folder}/${file.slice(0, -3)}`,
      text: gunzipSync(readFileSync(`${specs}${folder}/${file}`)).toString('utf8'),
    }))
}

export function convertText(
  text: string,
  more: Partial<OpenApiSpec> = {},
  location = '/specs/api.json',
): Promise<RestConversion> {
  const spec = { ...openapiSpec.parse({ spec: location }), ...more }
  return convertOpenapi(spec, { location, text, mediaType: undefined }, (reference) =>
    Promise.reject(new ConversionFault('document_refused', `${reference} may not be read here`)),
  )
}

/** Counts, names, codes and annotations of a whole conversion. */
export function checkConversion(conversion: RestConversion): void {
  const { tools, skipped, notes, operations } = conversion
  expect(tools.length + skipped.length).toBe(operations)
  const keys = tools.map(({ operation }) => operation)
  expect(new Set(keys).size).toBe(keys.length)
  const names = tools.map(({ definition }) => definition.name)
  expect(new Set(names).size).toBe(names.length)
  for (const name of names) expect(name).toMatch(/^[A-Za-z0-9_-]{1,64}$/)
  for (const { code, reason, place } of [...skipped, ...notes]) {
    expect(Object.keys(conversionCodes)).toContain(code)
    expect(reason).not.toBe('')
    expect(place).toMatch(/#|^operations\./)
  }
  for (const { definition, plan } of tools) {
    expect(definition.description?.length ?? 0).toBeGreaterThan(0)
    expect(definition.description?.length ?? 0).toBeLessThanOrEqual(1_300)
    const { properties = {}, ...root } = definition.inputSchema
    expect(root['type']).toBe('object')
    const described = Object.keys(Object(properties)).sort()
    expect(argumentsOf(plan)).toEqual(described)
    for (const argument of described) expect(argument).toMatch(/^[a-zA-Z0-9_-]{1,64}$/)
    const templates = [...plan.path.matchAll(/\{([^{}]+)\}/g)].map(([, name]) => name)
    const inPath = plan.parameters.filter((one) => one.in === 'path').map(({ name }) => name)
    expect(new Set(inPath)).toEqual(new Set(templates))
    expect(plan.structured).toBe(definition.outputSchema !== undefined)
  }
}

function argumentsOf(plan: RestPlan): readonly string[] {
  const from = plan.body?.from
  const body =
    from === undefined
      ? []
      : from.kind === 'argument'
        ? [from.argument]
        : Object.values(from.properties)
  return [...plan.parameters.map(({ argument }) => argument), ...body].sort()
}

/** References stay calls: inlining makes the compiled source of a large schema grow without end. */
const ajv = new Ajv2020({ strict: false, logger: false, inlineRefs: false })

/** Every schema is valid, compiles, and points only into itself. */
export function checkSchemas({ definition }: RestTool): void {
  for (const [which, schema] of Object.entries({
    input: definition.inputSchema,
    output: definition.outputSchema,
  })) {
    if (schema === undefined) continue
    expect(dangling(schema), `${definition.name} ${which}`).toEqual([])
    expect(() => ajv.compile(schema), `${definition.name} ${which}`).not.toThrow()
    ajv.removeSchema(schema)
  }
  if (definition.outputSchema !== undefined) expect(definition.outputSchema['type']).toBe('object')
}

/** Arguments also pass the gateway's own compiler, with its bounds. */
export function checkArguments({ definition }: RestTool): void {
  const verdict = compileSchema(JSON.stringify(definition.inputSchema))
  expect(verdict.kind === 'fault' ? verdict.fault : 'usable', definition.name).toBe('usable')
}

/** References of a schema that lead nowhere or outside, and definitions that nothing reaches. */
export function dangling(schema: unknown): readonly string[] {
  const defs = Object.keys(Object(Object(schema).$defs))
  const used = new Set(referencesOf(schema))
  const lost = [...used].filter(
    (reference) => !defs.some((name) => reference === `#/$defs/${name}`),
  )
  return [...lost, ...defs.filter((name) => !used.has(`#/$defs/${name}`))]
}

/** What `const` and `enum` hold is data that must stay as it is; everywhere else a client may follow a reference. */
function referencesOf(value: unknown, isNames = false): readonly string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => {
    if (!isNames && key === '$ref' && typeof inner === 'string') return [inner]
    if (!isNames && (key === 'enum' || key === 'const')) return []
    return referencesOf(inner, !isNames && (key === 'properties' || key === '$defs'))
  })
}

/** The same choice at every run, by a seed of the name. */
export function sample<T>(items: readonly T[], count: number, seed: string): readonly T[] {
  let state = [...seed].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) >>> 0, 7)
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
  return items
    .map((item) => ({ item, at: next() }))
    .sort((a, b) => a.at - b.at)
    .slice(0, count)
    .map(({ item }) => item)
}
