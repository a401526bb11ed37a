/** What tells the alternatives of a schema apart. */
import type { Documents } from './documents.ts'
import { type JsonObject, listAt, memberOf, membersOf, objectAt, textAt } from './json.ts'
import type { Place } from './place.ts'

interface Whereabouts {
  readonly documents: Documents
  /** Where the alternatives stand. */
  readonly at: Place
}

/** Values of the discriminator that pick an alternative (OpenAPI 3.1 section 4.8.25). */
export function tagsOf(
  holder: JsonObject,
  branch: unknown,
  { documents, at }: Whereabouts,
): readonly string[] | undefined {
  const property = textAt(objectAt(holder, 'discriminator'), 'propertyName')
  const reference = textAt(branch, '$ref')
  if (property === undefined || reference === undefined) return undefined
  const mapping = membersOf(memberOf(holder['discriminator'], 'mapping'))
  const name = reference.split('/').at(-1) ?? reference
  const mapped = mapping.filter(([, to]) => to === reference || to === name).map(([tag]) => tag)
  if (mapped.length > 0) return mapped
  if (mapping.length > 0) return undefined
  // Without a mapping the name of the schema is the value, unless the schema says otherwise itself.
  const found = documents.resolve(reference, at)
  const target = found.kind === 'found' ? found.spot.value : undefined
  const own = objectAt(objectAt(target, 'properties'), property)
  if (own === undefined || listAt(own, 'enum').length > 0 || Object.hasOwn(own, 'const'))
    return undefined
  return [name]
}
