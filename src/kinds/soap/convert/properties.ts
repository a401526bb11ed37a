/** Names of JSON properties: those of the XML, unless they cannot be told apart or models cannot use them. */
import type { Group, Particle, XmlName } from '../../../model/kinds/soap.ts'

const nameMax = 64

/** A name of `[A-Za-z0-9_.-]{1,64}`, which is what model providers take as a property. */
export function name(local: string): string {
  const plain = local.replaceAll(/[^A-Za-z0-9_.-]/g, '_').slice(0, nameMax)
  return plain === '' ? '_' : plain
}

/** The properties of one object. The same element keeps its property wherever it stands in the content. */
export class Properties {
  private readonly taken = new Set<string>(['xsi_type'])
  private readonly elements = new Map<string, string>()

  constructor(taken: Iterable<string> = []) {
    for (const one of taken) this.taken.add(one)
  }

  take(local: string, suffix: string): string {
    const plain = name(local)
    const wide = `${plain.slice(0, nameMax - 16)}_${suffix}`
    for (let index = 0; ; index += 1) {
      const property = index === 0 ? plain : index === 1 ? wide : `${wide}_${index}`
      if (this.taken.has(property)) continue
      this.taken.add(property)
      return property
    }
  }

  element({ namespace, local }: XmlName): string {
    const key = `{${namespace}}${local}`
    const known = this.elements.get(key)
    if (known !== undefined) return known
    const property = this.take(local, 'element')
    this.elements.set(key, property)
    return property
  }

  /** The same particle with the properties of this object; before, `property` of a group is what it may be called. */
  particle(particle: Particle): Particle {
    // Elements have the first choice.
    for (const name of namesOf(particle)) this.element(name)
    return this.placed(particle)
  }

  private placed(particle: Particle): Particle {
    switch (particle.kind) {
      case 'element':
        return {
          ...particle,
          element: { ...particle.element, property: this.element(particle.element.name) },
        }
      case 'any':
        return { ...particle, property: this.element(anyName) }
      case 'sequence':
      case 'all':
      case 'choice': {
        const { property: wish = 'items', ...group } = particle
        if (!isList(particle))
          return { ...group, items: group.items.map((item) => this.placed(item)) }
        const inner = new Properties()
        for (const item of group.items) for (const name of namesOf(item)) inner.element(name)
        const items = group.items.map((item) => inner.placed(item))
        return { ...group, items, property: this.take(wish, 'group') }
      }
    }
  }
}

const anyName: XmlName = { namespace: '##any', local: 'any' }

/** Groups lie in each other, and each asks what is inside it. */
const lists = new WeakMap<Group, boolean>()

/** Whether a group repeats and has more than one property. */
function isList(group: Group): boolean {
  let list = lists.get(group)
  if (list === undefined) {
    const repeats = group.max === null || group.max > 1
    list = repeats && new Set(group.items.flatMap(slotsOf)).size > 1
    lists.set(group, list)
  }
  return list
}

/** What would be a property each. */
function slotsOf(particle: Particle): readonly unknown[] {
  if ('items' in particle) return isList(particle) ? [particle] : particle.items.flatMap(slotsOf)
  return namesOf(particle).map(({ namespace, local }) => `{${namespace}}${local}`)
}

/** Elements that are properties of the object itself, and not of units inside it. */
function namesOf(particle: Particle): readonly XmlName[] {
  switch (particle.kind) {
    case 'element':
      return [particle.element.name]
    case 'any':
      return [anyName]
    case 'sequence':
    case 'all':
    case 'choice':
      return isList(particle) ? [] : particle.items.flatMap(namesOf)
  }
}
