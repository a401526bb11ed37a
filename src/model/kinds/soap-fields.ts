/** Which properties the elements of a content model are, and how often each may stand there. */
import type { Group, Particle, SoapElement } from './soap.ts'

export interface Field {
  readonly property: string
  /** Undefined: elements of a wildcard in the generic form, or units. */
  readonly element: SoapElement | undefined
  /** A group that repeats: each item is one unit of it, an object. */
  readonly unit: Group | undefined
  readonly min: number
  /** Null is unbounded. */
  readonly max: number | null
}

export type Fields = ReadonlyMap<string, Field>

/** Whether the JSON of a field is an array. */
export const isMany = ({ unit, max }: Field): boolean =>
  unit !== undefined || max === null || max > 1

/** The fields of a content model (XML Schema part 1, section 3.8), in document order. */
export function fieldsOf(particle: Particle | undefined): Fields {
  if (particle === undefined) return new Map()
  if (particle.kind === 'element' || particle.kind === 'any') {
    const element = particle.kind === 'element' ? particle.element : undefined
    const property = particle.kind === 'element' ? particle.element.property : particle.property
    const { min, max } = particle
    return new Map([[property, { property, element, unit: undefined, min, max }]])
  }
  const { property, min, max } = particle
  if (property !== undefined) {
    const unit = { ...particle, property: undefined, min: 1, max: 1 }
    const needed = isEmptiable(unit) ? 0 : min
    return new Map([[property, { property, element: undefined, unit, min: needed, max }]])
  }
  const parts = particle.items.map(fieldsOf)
  const joined = particle.kind === 'choice' ? either(parts) : together(parts)
  return new Map(
    [...joined].map(([name, field]) => [
      name,
      { ...field, min: field.min * min, max: times(field.max, max) },
    ]),
  )
}

/** Whether nothing at all satisfies it (XML Schema part 1, section 3.9.6). */
export function isEmptiable(particle: Particle): boolean {
  if (particle.min === 0) return true
  switch (particle.kind) {
    case 'element':
    case 'any':
      return false
    case 'choice':
      return particle.items.some(isEmptiable)
    case 'sequence':
    case 'all':
      return particle.items.every(isEmptiable)
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
