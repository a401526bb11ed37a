/** Simple types as JSON Schema. */
import type { JsonSchema } from '../../../model/conversion.ts'
import type { Facets, SimpleType } from '../../../model/kinds/soap.ts'

export type Direction = 'in' | 'out'

const base64 = '^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$'

const examples: Readonly<Record<string, string>> = {
  dateTime: '2026-03-01T09:30:00Z',
  date: '2026-03-01',
  time: '09:30:00',
  duration: 'P1DT2H',
  gYear: '2026',
  gYearMonth: '2026-03',
  gMonth: '--03',
  gMonthDay: '--03-01',
  gDay: '---01',
}

/**
 * Arguments are held to all facets. Of answers only the form is promised: services keep less closely to patterns and
 * ranges than they say, and a client may drop a whole answer for one of them.
 */
export function simpleSchema(type: SimpleType, direction: Direction): JsonSchema {
  switch (type.kind) {
    case 'union':
      return type.members.length === 0
        ? { type: 'string' }
        : { anyOf: type.members.map((member) => simpleSchema(member, direction)) }
    case 'list':
      return {
        type: 'array',
        items: simpleSchema(type.item, direction),
        ...(direction === 'in' ? lengths(type.facets, 'Items') : {}),
      }
    case 'atomic':
      return atomicSchema(type, direction)
  }
}

function atomicSchema(
  type: Extract<SimpleType, { kind: 'atomic' }>,
  direction: Direction,
): JsonSchema {
  const { facets, base, builtin } = type
  const held = direction === 'in' ? facets : {}
  const enumeration = enumerated(type)
  if (enumeration !== undefined) return enumeration
  switch (base) {
    case 'boolean':
      return { type: 'boolean' }
    case 'integer':
      return { type: 'integer', ...ranges(held) }
    case 'big-integer':
      return { type: ['integer', 'string'], pattern: '^[+-]?[0-9]+$', ...ranges(held) }
    case 'decimal':
      return {
        type: ['number', 'string'],
        pattern: '^[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)$',
        ...ranges(held),
      }
    case 'float':
      return { type: ['number', 'string'], pattern: '^(-?INF|NaN)$', ...ranges(held) }
    case 'base64':
      return direction === 'in'
        ? { type: 'string', contentEncoding: 'base64', pattern: base64 }
        : { type: 'string', contentEncoding: 'base64' }
    case 'hex':
      return { type: 'string', pattern: '^([0-9A-Fa-f]{2})*$' }
    case 'qname':
      return { type: 'string', description: 'A qualified name as {namespace}name.' }
    case 'any':
      return { type: ['string', 'number', 'boolean'] }
    case 'string': {
      const example = examples[builtin]
      return {
        type: 'string',
        ...(held.pattern === undefined ? {} : { pattern: held.pattern }),
        ...lengths(held, 'Length'),
        ...(example === undefined ? {} : { description: `xs:${builtin}, e.g. ${example}` }),
      }
    }
  }
}

function enumerated({
  base,
  facets,
}: Extract<SimpleType, { kind: 'atomic' }>): JsonSchema | undefined {
  const { enumeration } = facets
  if (enumeration === undefined) return undefined
  if (base === 'string') return { type: 'string', enum: enumeration }
  if (base !== 'integer' && base !== 'big-integer') return undefined
  const numbers = enumeration.map(Number)
  return numbers.every(Number.isSafeInteger)
    ? { type: 'integer', enum: [...new Set(numbers)] }
    : undefined
}

function lengths({ lengthMin, lengthMax }: Facets, of: 'Length' | 'Items'): JsonSchema {
  return {
    ...(lengthMin === undefined ? {} : { [`min${of}`]: lengthMin }),
    ...(lengthMax === undefined ? {} : { [`max${of}`]: lengthMax }),
  }
}

function ranges(facets: Facets): JsonSchema {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = facets
  return {
    ...(minimum === undefined ? {} : { minimum }),
    ...(maximum === undefined ? {} : { maximum }),
    ...(exclusiveMinimum === undefined ? {} : { exclusiveMinimum }),
    ...(exclusiveMaximum === undefined ? {} : { exclusiveMaximum }),
  }
}

/** The value that a default or fixed text stands for in JSON. */
export function presetValue(type: SimpleType, text: string): string | number | boolean {
  if (type.kind !== 'atomic') return text
  if (type.base === 'boolean') return text === 'true' || text === '1'
  const number = Number(text)
  const numeric = ['integer', 'big-integer', 'decimal', 'float'].includes(type.base)
  return numeric && text.trim() !== '' && Math.abs(number) <= Number.MAX_SAFE_INTEGER
    ? number
    : text
}
