/** Descriptions with anything anywhere: what can be converted is, the rest is reported, and every schema is usable. */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { ConversionFault, conversionCodes } from '../../src/model/conversion.ts'
import {
  checkArguments,
  checkConversion,
  checkSchemas,
  convertText,
  sample,
} from './openapi-corpus.ts'

const folder = fileURLToPath(new URL('../golden/openapi/', import.meta.url))
const bases: readonly unknown[] = readdirSync(folder).flatMap((name) => {
  const [input = ''] = readFileSync(`${folder}${name}`, 'utf8').split('\n-----\n')
  return name.endsWith('.txt') && /^(openapi|swagger):/.test(input) ? [parse(input)] : []
})

/** What authors, generators and attackers put where something else belongs. */
const odd = fc.oneof(
  fc.constantFrom<unknown>(
    ...[null, true, false, 0, -1, 1.5, '', 'x', [], {}, [[]], [null], { $ref: '#' }],
    ...[{ $ref: '#/paths' }, { $ref: '#/components/schemas/Node' }, { $ref: '#/nowhere' }],
    ...[{ $ref: 'other.yaml' }, { $ref: '' }, { $ref: '%%%' }, { $ref: 7 }, 'object', 'array'],
    ...[{ type: 'object' }, { type: ['string', 7] }, { allOf: [] }, { allOf: {} }, { enum: [] }],
    ...[{ enum: [{}, []] }, { pattern: '(' }, { pattern: '(?<=x)' }, { required: true }],
    ...[{ properties: [] }, { items: [] }, { items: true }, { nullable: true, $ref: '#/x' }],
    ...[{ oneOf: [true, 7], discriminator: { propertyName: 'a' } }, { discriminator: 'kind' }],
    ...[{ maxLength: -1, minimum: 'x', exclusiveMinimum: true }, { format: { a: 1 } }],
  ),
  fc.jsonValue({ maxDepth: 3 }),
)

interface Change {
  readonly at: number
  readonly with: unknown
  readonly as: 'replace' | 'remove' | 'add' | 'rename'
  readonly key: string
}
const change: fc.Arbitrary<Change> = fc.record({
  at: fc.nat(100_000),
  with: odd,
  as: fc.constantFrom('replace' as const, 'remove' as const, 'add' as const, 'rename' as const),
  key: fc.oneof(
    fc.constantFrom(
      ...['$ref', 'schema', 'content', 'parameters', 'type', 'allOf', 'properties', 'items'],
      ...['__proto__', 'constructor', 'get', 'GET', 'in', 'name', 'x-a', '{a}', '/{a}/{a}', ''],
    ),
    fc.string({ maxLength: 80 }),
  ),
})

/** Every object of a JSON value. */
function objectsOf(value: unknown): { [key: string]: unknown }[] {
  if (typeof value !== 'object' || value === null) return []
  return [
    ...(Array.isArray(value) ? [] : [Object.assign(value)]),
    ...Object.values(value).flatMap(objectsOf),
  ]
}

function apply(description: unknown, changes: readonly Change[]): void {
  for (const { at, with: shared, as, key } of changes) {
    // Of its own, or a change of a change would make a circle, which JSON has not.
    const value: unknown = structuredClone(shared)
    const objects = objectsOf(description)
    const holder = objects[at % objects.length]
    const keys = Object.keys(holder ?? {})
    const member = keys[Math.floor(at / objects.length) % keys.length]
    if (holder === undefined || member === undefined) continue
    if (as === 'replace') holder[member] = value
    if (as === 'add' || as === 'rename')
      Object.defineProperty(holder, key, {
        value: as === 'add' ? value : holder[member],
        ...{ enumerable: true, configurable: true, writable: true },
      })
    if (as === 'remove' || as === 'rename') delete holder[member]
  }
}

test('descriptions with one to eight things wrong', async () => {
  let converted = 0
  await fc.assert(
    fc.asyncProperty(
      fc.nat(bases.length - 1),
      fc.array(change, { minLength: 1, maxLength: 8 }),
      async (base, changes) => {
        const description: unknown = structuredClone(bases[base])
        apply(description, changes)
        const text = JSON.stringify(description)
        try {
          const conversion = await convertText(text)
          checkConversion(conversion)
          for (const tool of conversion.tools) checkSchemas(tool)
          for (const tool of sample(conversion.tools, 1, text)) checkArguments(tool)
          const bugs = conversion.skipped.filter(({ reason }) =>
            reason.includes('is not a function'),
          )
          expect(bugs).toEqual([])
          converted++
        } catch (thrown) {
          if (!(thrown instanceof ConversionFault)) throw thrown
          expect(Object.keys(conversionCodes)).toContain(thrown.code)
        }
      },
    ),
    { numRuns: 150 },
  )
  expect(converted).toBeGreaterThan(100)
})

test('any JSON at all', async () => {
  await fc.assert(
    fc.asyncProperty(fc.json(), fc.constantFrom('3.0.0', '3.1.0', '2.0'), async (json, version) => {
      const text = `{"${version === '2.0' ? 'swagger' : 'openapi'}":"${version}","paths":${json}}`
      try {
        checkConversion(await convertText(text))
      } catch (thrown) {
        if (!(thrown instanceof ConversionFault)) throw thrown
      }
    }),
    { numRuns: 300 },
  )
})
