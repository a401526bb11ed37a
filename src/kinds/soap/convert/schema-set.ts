/** All components of the schemas, by qualified name. */
import { attributeOf, splitName, type XmlElement } from '../../../kit/xml.ts'
import type { XmlName } from '../../../model/kinds/soap.ts'
import { plainLine } from '../../text.ts'
import type { SchemaDocument } from './load.ts'

const kinds = ['element', 'type', 'group', 'attributeGroup', 'attribute'] as const
export type ComponentKind = (typeof kinds)[number]

export interface Component {
  readonly name: XmlName
  readonly node: XmlElement
  readonly schema: SchemaDocument
}

export const keyOf = (name: XmlName): string => `{${name.namespace}}${name.local}`

export class SchemaSet {
  private readonly components = new Map<ComponentKind, Map<string, Component>>(
    kinds.map((kind) => [kind, new Map()]),
  )
  /** Types derived directly from a type, and elements that may stand for an element. */
  private readonly derivedOf = new Map<string, Component[]>()
  private readonly substitutes = new Map<string, Component[]>()

  constructor(schemas: readonly SchemaDocument[]) {
    for (const schema of schemas)
      for (const node of schema.root.children) {
        this.add(node, schema)
        // What a redefinition replaces was included as well; the first one of a name stays.
        if (node.local === 'redefine') for (const inner of node.children) this.add(inner, schema)
      }
  }

  private add(node: XmlElement, schema: SchemaDocument): void {
    const kind = kindOf(node.local)
    const local = attributeOf(node, 'name')?.trim()
    if (kind === undefined || local === undefined) return
    const component = { name: { namespace: schema.targetNamespace, local }, node, schema }
    const key = keyOf(component.name)
    const map = this.components.get(kind)
    if (map === undefined || map.has(key)) return
    map.set(key, component)
    const head = kind === 'element' ? attributeOf(node, 'substitutionGroup') : undefined
    if (head !== undefined) push(this.substitutes, keyOf(qualified(head, node, schema)), component)
    const base = kind === 'type' ? baseOf(node) : undefined
    if (base !== undefined) push(this.derivedOf, keyOf(qualified(base, node, schema)), component)
  }

  find(kind: ComponentKind, name: XmlName): Component | undefined {
    return this.components.get(kind)?.get(keyOf(name))
  }

  /** The only component of a local name, whatever its namespace. */
  findLocal(kind: ComponentKind, local: string): Component | undefined {
    const all = [...(this.components.get(kind)?.values() ?? [])]
    const [only, second] = all.filter(({ name }) => name.local === local)
    return second === undefined ? only : undefined
  }

  /** All complex types below a type, nearest first, at most `max`. */
  derived(name: XmlName, max: number): readonly Component[] {
    return closure(this.derivedOf, name, max)
  }

  /** All elements that may stand for an element, at most `max`. */
  substitutable(name: XmlName, max: number): readonly Component[] {
    return closure(this.substitutes, name, max)
  }
}

function kindOf(local: string): ComponentKind | undefined {
  if (local === 'complexType' || local === 'simpleType') return 'type'
  return kinds.find((kind) => kind === local && kind !== 'type')
}

function push(map: Map<string, Component[]>, key: string, component: Component): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [component])
  else list.push(component)
}

function closure(
  map: ReadonlyMap<string, readonly Component[]>,
  name: XmlName,
  max: number,
): readonly Component[] {
  const found = new Map<string, Component>()
  const queue = [keyOf(name)]
  for (let key = queue.shift(); key !== undefined && found.size < max; key = queue.shift())
    for (const component of map.get(key) ?? []) {
      const own = keyOf(component.name)
      if (found.has(own) || own === keyOf(name) || found.size >= max) continue
      found.set(own, component)
      queue.push(own)
    }
  return [...found.values()]
}

/** The base of a complex type with complex or simple content. */
function baseOf(node: XmlElement): string | undefined {
  if (node.local !== 'complexType') return undefined
  const content = node.children.find((child) => child.local.endsWith('Content'))
  const derivation = content?.children.find(
    (child) => child.local === 'extension' || child.local === 'restriction',
  )
  return derivation === undefined ? undefined : attributeOf(derivation, 'base')
}

/** A QName in an attribute value (XML Schema part 2, section 3.2.18), and what included schemas mean by it. */
export function qualified(value: string, node: XmlElement, schema: SchemaDocument): XmlName {
  const [prefix, local] = splitName(value.trim())
  const namespace = node.scope(prefix) ?? ''
  return prefix === '' && namespace === '' && schema.chameleon
    ? { namespace: schema.targetNamespace, local }
    : { namespace, local }
}

export const firstChild = (
  node: XmlElement,
  ...locals: readonly string[]
): XmlElement | undefined => node.children.find((child) => locals.includes(child.local))

/** The documentation of a component or a WSDL element as one plain line of at most `max` characters. */
export function documentationOf(node: XmlElement, max: number): string | undefined {
  const holder = firstChild(node, 'annotation') ?? node
  const documentation = firstChild(holder, 'documentation')
  if (documentation === undefined) return undefined
  const text = plainLine(textOf(documentation), max)
  return text === '' ? undefined : text
}

function textOf(node: XmlElement): string {
  return [node.text, ...node.children.map(textOf)].join(' ')
}

export const isTrue = (value: string | undefined): boolean => value === 'true' || value === '1'
