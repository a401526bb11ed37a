/**
 * Which elements of an answer belong to which occurrence of a group (XML Schema part 1, section 3.8). Particles are
 * unambiguous without a look ahead (section 3.8.6), so each element is taken by the first that can begin with it.
 */
import type { XmlElement } from '../../../kit/xml.ts'
import type { Group, Particle, SoapElement } from '../../../model/kinds/soap.ts'
import { type Fields, fieldsOf, isMany } from '../../../model/kinds/soap-fields.ts'

/** What an element becomes: under a property of its object. */
export type Value = (node: XmlElement, element: SoapElement | undefined) => unknown
type Values = Map<string, unknown[]>

interface Cursor {
  readonly nodes: readonly XmlElement[]
  readonly keys: readonly string[]
  readonly value: Value
  at: number
}
const next = ({ keys, at }: Cursor): string => keys[at] ?? ''

/** Members of an object: a list where the model has one, or where there are several all the same. */
export function settled(
  fields: Fields,
  values: ReadonlyMap<string, unknown[]>,
): [string, unknown][] {
  return [...values].map(([property, list]) => {
    const field = fields.get(property)
    return [property, list.length > 1 || (field !== undefined && isMany(field)) ? list : list[0]]
  })
}

export function push(values: Values, property: string, value: unknown): void {
  const list = values.get(property)
  if (list === undefined) values.set(property, [value])
  else list.push(value)
}

/** Of elements that the model does not name. */
const unnamed = '*'
const keyOf = ({ namespace, local }: SoapElement['name']): string => `{${namespace}}${local}`

/** The elements that a particle may begin with, and the others in it. */
interface Inside {
  readonly first: ReadonlySet<string>
  readonly all: ReadonlySet<string>
  readonly emptiable: boolean
  /** Of a group: which of its items may take an element, in order. */
  readonly takers: ReadonlyMap<string, readonly number[]>
}

/** Reads the content of elements of one type after another. */
export class Matcher {
  private readonly content: Particle
  private readonly known = new WeakMap<Particle, Inside>()
  private readonly units = new WeakMap<Group, Fields>()
  /** Keys by exact name and, since services qualify names less carefully than they say, by local name. */
  private readonly keys = new Map<string, string>()

  constructor(content: Particle) {
    this.content = content
    for (const key of this.inside(content).all) {
      this.keys.set(key, key)
      const local = key.slice(key.indexOf('}') + 1)
      if (!this.keys.has(local)) this.keys.set(local, key)
    }
  }

  /** Values by property, and what stands where the model has no place for it. */
  match(
    nodes: readonly XmlElement[],
    value: Value,
  ): { values: Values; rest: readonly XmlElement[] } {
    const values: Values = new Map()
    const rest: XmlElement[] = []
    const keys = nodes.map((node) => this.keyOf(node))
    const cursor = { nodes, keys, at: 0, value }
    while (cursor.at < nodes.length) {
      const before = cursor.at
      this.take(this.content, cursor, values)
      const left = nodes[cursor.at]
      if (cursor.at > before || left === undefined) continue
      rest.push(left)
      cursor.at++
    }
    return { values, rest }
  }

  private keyOf({ namespace, local }: XmlElement): string {
    return this.keys.get(`{${namespace}}${local}`) ?? this.keys.get(local) ?? unnamed
  }

  private take(particle: Particle, cursor: Cursor, values: Values): void {
    const { kind, max } = particle
    const most = max ?? Infinity
    if (kind === 'element' || kind === 'any') {
      const { first } = this.inside(particle)
      const element = kind === 'element' ? particle.element : undefined
      const property = kind === 'element' ? particle.element.property : particle.property
      for (let count = 0; count < most && first.has(next(cursor)); count++) {
        const node = cursor.nodes[cursor.at++]
        if (node !== undefined) push(values, property, cursor.value(node, element))
      }
      return
    }
    const { all } = this.inside(particle)
    for (let count = 0; count < most && all.has(next(cursor)); count++) {
      const before = cursor.at
      const into: Values = particle.property === undefined ? values : new Map()
      this.once(particle, cursor, into)
      if (cursor.at === before) return
      if (particle.property !== undefined)
        push(values, particle.property, Object.fromEntries(settled(this.unitOf(particle), into)))
    }
  }

  private once(group: Group, cursor: Cursor, values: Values): void {
    const { takers } = this.inside(group)
    let from = 0
    for (let turn = 0; turn < group.items.length; turn++) {
      const possible = takers.get(next(cursor)) ?? []
      const index = group.kind === 'sequence' ? possible.find((one) => one >= from) : possible[0]
      const item = index === undefined ? undefined : group.items[index]
      if (index === undefined || item === undefined) return
      const before = cursor.at
      this.take(item, cursor, values)
      if (group.kind === 'choice' || cursor.at === before) return
      from = index + 1
    }
  }

  private unitOf(group: Group): Fields {
    let fields = this.units.get(group)
    if (fields === undefined) {
      fields = fieldsOf({ ...group, property: undefined, min: 1, max: 1 })
      this.units.set(group, fields)
    }
    return fields
  }

  private inside(particle: Particle): Inside {
    let inside = this.known.get(particle)
    if (inside === undefined) {
      inside = this.look(particle)
      this.known.set(particle, inside)
    }
    return inside
  }

  private look(particle: Particle): Inside {
    if (particle.kind === 'element' || particle.kind === 'any') {
      const keys = new Set([particle.kind === 'any' ? unnamed : keyOf(particle.element.name)])
      return { first: keys, all: keys, emptiable: particle.min === 0, takers: new Map() }
    }
    const parts = particle.items.map((item) => this.inside(item))
    const all = new Set(parts.flatMap((part) => [...part.all]))
    const open = particle.kind === 'sequence' ? parts.findIndex((part) => !part.emptiable) : -1
    const leading = open < 0 ? parts : parts.slice(0, open + 1)
    const first = new Set(leading.flatMap((part) => [...part.first]))
    const takers = new Map<string, number[]>()
    // What may begin with an element comes before what only holds it somewhere.
    for (const member of ['first', 'all'] as const)
      for (const [index, part] of parts.entries())
        for (const key of part[member]) {
          const known = takers.get(key)
          if (known === undefined) takers.set(key, [index])
          else if (!known.includes(index)) known.push(index)
        }
    const emptiable =
      particle.min === 0 ||
      (particle.kind === 'choice'
        ? parts.some((part) => part.emptiable)
        : parts.every((part) => part.emptiable))
    return { first, all, emptiable, takers }
  }
}
