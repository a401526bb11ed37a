/** Sizes of what tools show: within their bounds for real descriptions, and nothing that was valid is refused by it. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { generateSync } from 'json-schema-faker'
import { describe, expect, it } from 'vitest'
import { convertJob } from '../../src/kinds/converters.ts'
import { ConversionFault, nothingProvided } from '../../src/model/conversion.ts'
import { graphqlSpec } from '../../src/model/kinds/graphql.ts'
import { openapiSpec } from '../../src/model/kinds/openapi.ts'

const specs = fileURLToPath(new URL('../fixtures/specs/', import.meta.url))
const read = (name: string): string => gunzipSync(readFileSync(`${specs}${name}`)).toString('utf8')
const nothing = () => Promise.reject(new ConversionFault('document_refused', 'not here'))

const jobs = {
  'docusign.net': {
    kind: 'openapi',
    spec: openapiSpec.parse({ spec: 'x' }),
    description: {
      location: '/x.json',
      text: read('openapi/docusign.net.json.gz'),
      mediaType: undefined,
    },
  },
  'kubernetes.io': {
    kind: 'openapi',
    spec: openapiSpec.parse({ spec: 'x' }),
    description: {
      location: '/x.json',
      text: read('openapi/kubernetes.io.json.gz'),
      mediaType: undefined,
    },
  },
  'a shop': {
    kind: 'graphql',
    spec: graphqlSpec.parse({ url: 'https://shop.example/graphql' }),
    description: {
      location: 'shop.graphql',
      text: readFileSync(`${specs}../../golden/graphql/shop.graphql`, 'utf8'),
      mediaType: undefined,
    },
  },
} as const

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value))
/** Fewer would show nothing. */
const cutAtLeast = { 'docusign.net': 100, 'kubernetes.io': 100, 'a shop': 0 } as const

describe.each(Object.entries(jobs))('%s', (name, job) => {
  it('shows less, and takes whatever the whole schemas take', async () => {
    const whole = await convertJob({ ...job, provided: nothingProvided }, nothing)
    const provided = { ...nothingProvided, schemas: 'compact' } as const
    const compact = await convertJob({ ...job, provided }, nothing)
    const compile = (schema: object) =>
      new Ajv2020({ strict: false, validateFormats: false }).compile(schema)
    let cut = 0
    let tried = 0
    for (const [index, { definition, judged }] of compact.tools.entries()) {
      const full = whole.tools[index]?.definition
      if (full === undefined) throw new Error('another tool')
      expect(bytesOf(definition), definition.name).toBeLessThanOrEqual(16_384)
      if (definition.outputSchema !== undefined)
        expect(bytesOf(definition.outputSchema), definition.name).toBeLessThanOrEqual(2_048)
      if (judged !== undefined) expect(judged).toEqual(full.inputSchema)
      for (const [shown, given] of [
        [definition.inputSchema, full.inputSchema],
        [definition.outputSchema, full.outputSchema],
      ] as const) {
        if (shown === undefined || given === undefined || shown === given) continue
        if (JSON.stringify(shown) === JSON.stringify(given)) continue
        cut++
        // Some are enough of a look.
        if (cut % 20 !== 0) continue
        const takes = compile(shown)
        const fits = compile(given)
        for (const alwaysFakeOptionals of [true, false]) {
          const value: unknown = (() => {
            try {
              return generateSync(given, { alwaysFakeOptionals, maxDepth: 6, seed: cut })
            } catch {
              return undefined
            }
          })()
          if (value === undefined || !fits(value)) continue
          tried++
          expect(takes(value), `${definition.name} ${JSON.stringify(takes.errors)}`).toBe(true)
        }
      }
    }
    const least = Object.entries(cutAtLeast).find(([one]) => one === name)?.[1] ?? 0
    expect(cut).toBeGreaterThanOrEqual(least)
    if (least > 0) expect(tried).toBeGreaterThan(3)
  })
})
