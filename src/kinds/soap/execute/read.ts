/** XML of an answer to JSON, by the call plan. What the plan does not know is kept in the generic form. */
import { attributeOf, splitName, type XmlElement } from '../../../kit/xml.ts'
import type {
  ComplexType,
  Particle,
  SoapCommon,
  SoapElement,
  SoapMessage,
  SoapType,
} from '../../../model/kinds/soap.ts'
import { type Fields, fieldsOf } from '../../../model/kinds/soap-fields.ts'
import { Matcher, push, settled } from './match.ts'
import { xmlNames } from './names.ts'
import { simpleValue } from './simple.ts'

type Pairs = [string, unknown][]

const referencesMax = 10_000
/** Of all that references repeat: a few of them can point at much. */
const repeatedCharactersMax = 32_000_000
const depthMax = 200

export class XmlReader {
  private readonly types: SoapCommon['types']
  private readonly byId = new Map<string, XmlElement>()
  private readonly fields = new WeakMap<Particle, Fields>()
  private readonly matchers = new WeakMap<Particle, Matcher>()
  private references = 0
  private repeatedCharacters = 0
  private readonly sizes = new WeakMap<XmlElement, number>()

  /** `body` holds what elements of the SOAP encoding refer to (SOAP 1.1 section 5.4.1). */
  constructor(types: SoapCommon['types'], body: XmlElement) {
    this.types = types
    for (const child of body.children) {
      const id = attributeOf(child, 'id') ?? attributeOf(child, 'id', xmlNames.encoding12)
      if (id !== undefined) this.byId.set(id, child)
    }
  }

  /** The JSON object of a whole message. */
  message(
    message: SoapMessage,
    body: XmlElement,
    header: XmlElement | undefined,
  ): Record<string, unknown> {
    const pairs: Pairs = []
    const holder = message.wrapper === undefined ? body : body.children[0]
    const children = holder?.children ?? []
    for (const [index, element] of message.body.entries()) {
      const node =
        this.find(children, element) ?? (message.body.length === 1 ? children[index] : undefined)
      if (node === undefined) continue
      const value = this.element(node, element.type, 0)
      if (message.inline && typeof value === 'object' && value !== null)
        pairs.push(...Object.entries(value))
      else pairs.push([element.property, value])
    }
    for (const element of message.headers) {
      const node = this.find(header?.children ?? [], element)
      if (node !== undefined) pairs.push([element.property, this.element(node, element.type, 0)])
    }
    return Object.fromEntries(pairs)
  }

  private find(nodes: readonly XmlElement[], { name }: SoapElement): XmlElement | undefined {
    return (
      nodes.find((node) => node.local === name.local && node.namespace === name.namespace) ??
      nodes.find((node) => node.local === name.local)
    )
  }

  element(node: XmlElement, key: string, depth: number): unknown {
    if (depth > depthMax) return null
    const target = this.target(node)
    if (target !== node) return target === undefined ? null : this.element(target, key, depth + 1)
    const nil = attributeOf(node, 'nil', xmlNames.instance)
    if (nil === 'true' || nil === '1') return null
    const declared = this.types[key] ?? { kind: 'any' }
    const actual = this.actual(node, declared)
    if (typeof actual === 'string') return simpleOfSchema(actual, node)
    switch (actual.kind) {
      case 'simple':
        return simpleValue(actual.simple, node.text, node.scope)
      case 'array':
        return node.children.map((child) => this.element(child, actual.item.type, depth + 1))
      case 'any':
        return freeValue(node, depth)
      case 'complex': {
        const label = actual === declared || declared.kind !== 'complex' ? undefined : actual.label
        return this.object(node, actual, label, depth)
      }
    }
  }

  /** What `href` points at. Bounded, since references can multiply. */
  private target(node: XmlElement): XmlElement | undefined {
    const reference = attributeOf(node, 'href') ?? attributeOf(node, 'ref', xmlNames.encoding12)
    if (reference === undefined || node.children.length > 0) return node
    this.references += 1
    const target = this.byId.get(reference.replace(/^#/, ''))
    if (target === undefined) return node
    this.repeatedCharacters += this.sizeOf(target)
    const isBounded =
      this.references <= referencesMax && this.repeatedCharacters <= repeatedCharactersMax
    return isBounded ? target : undefined
  }

  private sizeOf(node: XmlElement): number {
    const known = this.sizes.get(node)
    if (known !== undefined) return known
    const own = node.local.length + node.text.length
    const attributes = node.attributes.reduce((sum, { value }) => sum + value.length, 0)
    const size = node.children.reduce((sum, child) => sum + this.sizeOf(child), own + attributes)
    this.sizes.set(node, size)
    return size
  }

  /** The type that `xsi:type` names, when it may stand here; of built-in types the local name. */
  private actual(node: XmlElement, declared: SoapType): SoapType | string {
    const written = attributeOf(node, 'type', xmlNames.instance)
    if (written === undefined) return declared
    const [prefix, local] = splitName(written.trim())
    const namespace = node.scope(prefix) ?? ''
    const key = `{${namespace}}${local}`
    const type = Object.hasOwn(this.types, key) ? this.types[key] : undefined
    if (declared.kind === 'any') {
      if (type !== undefined) return type
      return namespace === xmlNames.schema && local !== 'anyType' ? local : declared
    }
    return declared.kind === 'complex' && type?.kind === 'complex' && declared.derived.includes(key)
      ? type
      : declared
  }

  private object(
    node: XmlElement,
    type: ComplexType,
    label: string | undefined,
    depth: number,
  ): unknown {
    const pairs: Pairs = label === undefined ? [] : [['xsi_type', label]]
    for (const { name, property, type: simple } of type.attributes) {
      const text = attributeOf(node, name.local, name.namespace) ?? attributeOf(node, name.local)
      if (text !== undefined) pairs.push([property, simpleValue(simple, text, node.scope)])
    }
    if (type.text !== undefined)
      pairs.push([type.text.property, simpleValue(type.text.type, node.text, node.scope)])
    if (type.mixed !== undefined && node.text.trim() !== '')
      pairs.push([type.mixed, node.text.trim()])
    return Object.fromEntries([...pairs, ...this.children(node, type, depth)])
  }

  private children(node: XmlElement, type: ComplexType, depth: number): Pairs {
    const fields = this.fieldsOf(type.content)
    if (type.content !== undefined && hasUnits(type.content))
      return this.matched(node, type.content, fields, depth)
    const byName = new Map<string, string>()
    for (const { property, element } of fields.values())
      if (element !== undefined) {
        const { namespace, local } = element.name
        byName.set(`{${namespace}}${local}`, property)
        // Services qualify names less carefully than their descriptions say.
        if (!byName.has(local)) byName.set(local, property)
      }
    const wildcard = [...fields.values()].find(({ element }) => element === undefined)
    const values = new Map<string, unknown[]>()
    for (const child of node.children) {
      const property = byName.get(`{${child.namespace}}${child.local}`) ?? byName.get(child.local)
      const element = property === undefined ? undefined : fields.get(property)?.element
      const under = property ?? wildcard?.property ?? `other_${child.local}`
      const value =
        element !== undefined
          ? this.element(child, element.type, depth + 1)
          : wildcard === undefined
            ? freeValue(child, depth)
            : freeElement(child, depth)
      push(values, under, value)
    }
    return settled(fields, values)
  }

  /** Content with groups that repeat: which occurrence an element belongs to is told by the model. */
  private matched(node: XmlElement, content: Particle, fields: Fields, depth: number): Pairs {
    let matcher = this.matchers.get(content)
    if (matcher === undefined) {
      matcher = new Matcher(content)
      this.matchers.set(content, matcher)
    }
    const { values, rest } = matcher.match(node.children, (child, element) =>
      element === undefined
        ? freeElement(child, depth)
        : this.element(child, element.type, depth + 1),
    )
    for (const child of rest) push(values, `other_${child.local}`, freeValue(child, depth))
    return settled(fields, values)
  }

  private fieldsOf(particle: Particle | undefined): Fields {
    if (particle === undefined) return new Map()
    let fields = this.fields.get(particle)
    if (fields === undefined) {
      fields = fieldsOf(particle)
      this.fields.set(particle, fields)
    }
    return fields
  }
}

function hasUnits(particle: Particle): boolean {
  return (
    particle.kind !== 'element' &&
    particle.kind !== 'any' &&
    (particle.property !== undefined || particle.items.some(hasUnits))
  )
}

function simpleOfSchema(local: string, node: XmlElement): unknown {
  const { text } = node
  if (local === 'boolean') return text.trim() === 'true' || text.trim() === '1'
  const number = Number(text)
  const isNumber =
    /^(?:byte|short|int|unsigned\w+|long|integer|\w+Integer|decimal|float|double)$/.test(local)
  return isNumber && text.trim() !== '' && Math.abs(number) <= Number.MAX_SAFE_INTEGER
    ? number
    : text
}

/** Content in the generic form: a text when it is nothing else. */
export function freeValue(node: XmlElement, depth = 0): unknown {
  const attributes = plainAttributes(node)
  const text = node.text.trim()
  if (attributes.length === 0 && node.children.length === 0) return node.text
  return {
    ...(attributes.length === 0 ? {} : { attributes: Object.fromEntries(attributes) }),
    ...(text === '' ? {} : { text }),
    ...(node.children.length === 0 || depth > depthMax
      ? {}
      : { children: node.children.map((child) => freeElement(child, depth + 1)) }),
  }
}

function freeElement(node: XmlElement, depth: number): unknown {
  const inner = freeValue(node, depth)
  return {
    name: node.local,
    ...(node.namespace === '' ? {} : { namespace: node.namespace }),
    ...(typeof inner === 'object' ? inner : inner === '' ? {} : { text: inner }),
  }
}

function plainAttributes(node: XmlElement): readonly [string, string][] {
  return node.attributes
    .filter(({ namespace }) => namespace !== xmlNames.instance)
    .map(({ namespace, local, value }) => [
      namespace === '' ? local : `{${namespace}}${local}`,
      value,
    ])
}
