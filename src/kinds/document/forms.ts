/**
 * Bases with a `discriminator`: each stands for the schemas that have it in their `allOf` (OpenAPI 3.0.3 section 4.7.25;
 * 2.0, "Composition and Inheritance Polymorphism"). A base says nothing of them, so they are looked for once.
 */
import type { Dialect } from './dialect.ts'
import type { Documents } from './documents.ts'
import { memberOf, membersOf, objectAt, textAt } from './json.ts'
import type { Spot } from './place.ts'

/** One of the schemas that a base stands for. */
export interface Form {
  readonly spot: Spot
  /** Values of the discriminator that pick it; empty: its own schema says them. */
  readonly tags: readonly string[]
}

export interface Base {
  readonly property: string
  readonly forms: readonly Form[]
}

/** More are not shown: the base says in words which there are. */
const formsMax = 100
/** What generators call the value of a form (2.0 has no mapping). */
const tagMembers = ['x-discriminator-value', 'x-ms-discriminator-value']

/** The property that says which form a value has; undefined where no schema says so. */
export function discriminatorOf(schema: unknown): string | undefined {
  const discriminator = memberOf(schema, 'discriminator')
  return typeof discriminator === 'string' ? discriminator : textAt(discriminator, 'propertyName')
}

export class Forms {
  private readonly documents: Documents
  /** Schemas of the description by name. */
  private readonly home: ReadonlyMap<string, Spot>
  private readonly bases = new Map<unknown, Base | undefined>()
  /** Schemas by the value of what stands in their `allOf`. */
  private derived: ReadonlyMap<unknown, readonly Spot[]> | undefined

  constructor(documents: Documents, dialect: Dialect) {
    this.documents = documents
    const { root } = documents
    const holder = dialect === '2.0' ? root : documents.member(root, 'components')
    const key = dialect === '2.0' ? 'definitions' : 'schemas'
    this.home = new Map(holder === undefined ? [] : documents.entries(holder, key))
  }

  /** Undefined for a schema that is no base, or whose forms nobody knows. */
  of({ value, at }: Spot): Base | undefined {
    const property = discriminatorOf(value)
    if (property === undefined || ['oneOf', 'anyOf'].some((key) => memberOf(value, key)))
      return undefined
    if (!this.bases.has(value)) this.bases.set(value, this.read({ value, at }, property))
    return this.bases.get(value)
  }

  /** Whether `form` is one of the schemas that the base which `reference` leads to stands for. */
  isForm(form: unknown, reference: Spot): boolean {
    const last = this.documents.layers(reference).at(-1)
    const base = last === undefined ? undefined : this.of(last)
    return base?.forms.some(({ spot }) => spot.value === form) === true
  }

  private read(base: Spot, property: string): Base | undefined {
    const mapping = membersOf(memberOf(memberOf(base.value, 'discriminator'), 'mapping'))
    const found = new Map<unknown, Spot>()
    for (const queue = [base]; queue.length > 0; ) {
      const above = queue.shift()
      for (const spot of this.below(above?.value)) {
        if (found.has(spot.value) || spot.value === base.value) continue
        found.set(spot.value, spot)
        queue.push(spot)
      }
    }
    const tags = new Map<unknown, string[]>()
    for (const [tag, to] of mapping) {
      const spot = this.mapped(to, base)
      if (spot === undefined) continue
      found.set(spot.value, found.get(spot.value) ?? spot)
      tags.set(spot.value, [...(tags.get(spot.value) ?? []), tag])
    }
    const forms = [...found.values()]
      // With a mapping, what is only there to be built upon is not in it.
      .filter(({ value }) => mapping.length === 0 || tags.has(value) || !this.below(value).length)
      .map((spot) => ({ spot, tags: tags.get(spot.value) ?? this.ownTags(spot, property) }))
    return forms.length === 0 || forms.length > formsMax ? undefined : { property, forms }
  }

  private ownTags({ value, at }: Spot, property: string): readonly string[] {
    for (const member of tagMembers) {
      const tag = textAt(value, member)
      if (tag !== undefined) return [tag]
    }
    const isSaid = [
      { value, at },
      ...this.documents.entries({ value, at }, 'allOf').map(([, s]) => s),
    ]
      .map((spot) => objectAt(objectAt(spot.value, 'properties'), property))
      .some((own) => memberOf(own, 'enum') !== undefined || memberOf(own, 'const') !== undefined)
    return isSaid ? [] : [at.key]
  }

  /** A name of a schema, or a reference to one. */
  private mapped(to: unknown, base: Spot): Spot | undefined {
    if (typeof to !== 'string') return undefined
    const named = this.home.get(to)
    if (named !== undefined) return named
    const found = this.documents.resolve(to, base.at)
    return found.kind === 'found' ? found.spot : undefined
  }

  private below(base: unknown): readonly Spot[] {
    this.derived ??= this.derive()
    return this.derived.get(base) ?? []
  }

  private derive(): ReadonlyMap<unknown, readonly Spot[]> {
    const derived = new Map<unknown, Spot[]>()
    for (const spot of this.home.values())
      for (const [, part] of this.documents.entries(spot, 'allOf')) {
        if (memberOf(part.value, '$ref') === undefined) continue
        const above = this.documents.layers(part).at(-1)
        if (above === undefined) continue
        const known = derived.get(above.value)
        if (known === undefined) derived.set(above.value, [spot])
        else if (known.length <= formsMax) known.push(spot)
      }
    return derived
  }
}
