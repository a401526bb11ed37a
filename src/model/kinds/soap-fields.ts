/** Which properties the elements of a content model are, and how often each may stand there. */
import type { Particle, SoapElement } from './soap.ts'

export interface Field {
  readonly property: string
  /** Undefined: elements of a wildcard, in the generic form. */
  readonly element: SoapElement | undefined
  readonly min: number
  /** Null is unbounded. */
  readonly max: number | null
}

export type Fields = ReadonlyMap<string, Field>

/** Whether the JSON of a field is an array. */
export const isMany = ({ max }: Field): boolean => max === null || max > 1

/** The fields of a content model (XML Schema part 1, section 3.8), in document order. */
export function fieldsOf(particle: Particle | undefined): Fields {
  if (particle === undefined) return new Map()
  switch (particle.kind) {
    case 'element':
    case 'any': {
      const element = particle.kind === 'element' ? particle.element : undefined
      const property = particle.kind === 'element' ? particle.element.property : particle.property
      return new Map([[property, { property, element, min: particle.min, max: particle.max }]])
    }
    case 'sequence':
    case 'all':
    case 'choice': {
      const parts = particle.items.map(fieldsOf)
      const joined = particle.kind === 'choice' ? either(parts) : together(parts)
      return new Map(
        [...joined].map(([property, field]) => [
          property,
          { ...field, min: field.min * particle.min, max: times(field.max, particle.max) },
        ]),
      )
    }
  }
}

function together(parts: readonly Fields[]): Fields {
  const fields = new Map<string, Field>()
  for (const part of parts)
    for (const [property, field] of part) {
      const known = fields.get(property)
      fields.set(
        property,
        known === undefined
          ? field
          : { ...known, min: known.min + field.min, max: plus(known.max, field.max) },
      )
    }
  return fields
}

function either(parts: readonly Fields[]): Fields {
  const fields = new Map<string, Field>()
  for (const part of parts)
    for (const [property, field] of part) {
      const known = fields.get(property)
      const max = known === undefined ? field.max : larger(known.max, field.max)
      const min = parts.every((other) => other.has(property))
        ? Math.min(...parts.map((other) => other.get(property)?.min ?? 0))
        : 0
      fields.set(property, { ...field, min, max })
    }
  return fields
}

const plus = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? null : a + b
const larger = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? null : Math.max(a, b)
const times = (a: number | null, b: number | null): number | null =>
  a === 0 || b === 0 ? 0 : a === null || b === null ? null : a * b
