/** Names of JSON properties: those of the XML, unless they cannot be told apart or models cannot use them. */
import type { Particle, XmlName } from '../../model/kinds/soap.ts'

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

  /** The same particle with the properties of this object. */
  particle(particle: Particle): Particle {
    switch (particle.kind) {
      case 'element':
        return {
          ...particle,
          element: { ...particle.element, property: this.element(particle.element.name) },
        }
      case 'any':
        return { ...particle, property: this.element({ namespace: '##any', local: 'any' }) }
      case 'sequence':
      case 'all':
      case 'choice':
        return { ...particle, items: particle.items.map((item) => this.particle(item)) }
    }
  }
}
