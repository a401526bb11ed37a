/** XML Schema types to the types of call plans: what is needed to write and to read them, with names for JSON. */

import { attributeOf, type XmlElement } from '../../../kit/xml.ts'
import { ConversionFault } from '../../../model/conversion.ts'
import type {
  ComplexType,
  SimpleType,
  SoapElement,
  SoapType,
  XmlName,
} from '../../../model/kinds/soap.ts'
import { arrayItem } from './array-item.ts'
import { builtinType, isEncodingNamespace, isSchemaNamespace } from './builtin.ts'
import { Content } from './content.ts'
import { restricted } from './facets.ts'
import type { SchemaDocument } from './load.ts'
import type { Notes } from './notes.ts'
import { name as jsonName, Properties } from './properties.ts'
import {
  documentationOf,
  firstChild,
  isTrue,
  keyOf,
  qualified,
  type SchemaSet,
} from './schema-set.ts'
import type { TypeReader } from './type-reader.ts'

const typesMax = 20_000
/** Elements, attributes and simple types, each time that one is used. */
const partsMax = 250_000
const derivedMax = 64
const simpleDepthMax = 32
const unionMembersMax = 64
const aboutCharactersMax = 300
const anyKey = 'any'

export class Types implements TypeReader {
  readonly set: SchemaSet
  readonly notes: Notes
  /** Every type that was needed so far, by key. */
  readonly types = new Map<string, SoapType>([[anyKey, { kind: 'any' }]])
  private parts = 0
  private readonly labels = new Set<string>(['xml_content', 'xml_element'])
  private readonly anonymous = new Map<XmlElement, string>()
  private readonly content: Content
  /** What is reserved and not compiled yet: a chain of types is as deep as a stranger likes, the stack is not. */
  private readonly waiting: (() => void)[] = []

  constructor(set: SchemaSet, notes: Notes) {
    this.set = set
    this.notes = notes
    this.content = new Content(this)
  }

  /** Counts one part: groups and unions that hold each other twice grow without end. @throws ConversionFault */
  spend(): void {
    this.parts += 1
    if (this.parts > partsMax)
      throw new ConversionFault(
        'description_too_large',
        `its types have more than ${partsMax} parts`,
      )
  }

  /** Compiles everything that was referenced. @throws ConversionFault description_too_large */
  finish(): void {
    for (let job = this.waiting.pop(); job !== undefined; job = this.waiting.pop()) job()
  }

  /** The key of a named type; what is not known becomes free content, with a note. */
  reference(name: XmlName, place: string): string {
    const key = keyOf(name)
    if (this.types.has(key)) return key
    const component = this.set.find('type', name)
    if (component === undefined) return this.builtinKey(name, place)
    const { node, schema } = component
    if (node.local === 'simpleType')
      return this.store(key, { kind: 'simple', name, simple: this.simpleOf(node, schema, 0) })
    return this.complex({ node, schema, key, name, label: name.local })
  }

  private builtinKey(name: XmlName, place: string): string {
    const known = isSchemaNamespace(name.namespace) || isEncodingNamespace(name.namespace)
    const simple = builtinType(name.local)
    if (simple !== undefined) {
      if (!known)
        this.notes.add(
          '',
          'description_invalid',
          `type "${name.local}" is taken for the built-in one`,
          place,
        )
      const key = `xs:${name.local}`
      return this.store(key, { kind: 'simple', name: undefined, simple })
    }
    if (isEncodingNamespace(name.namespace) && name.local === 'Array')
      return this.array({ itemType: anyKey, name: undefined, label: 'Array', key: 'soapenc:Array' })
    if (!known || !['anyType', 'ur-type', 'Struct'].includes(name.local))
      this.notes.add(
        '',
        'reference_unresolved',
        `type "${keyOf(name)}" is not known${this.notes.because(name.namespace)}; any content is taken`,
        place,
      )
    return anyKey
  }

  /** The key of the type of an element declaration: named, inside it, or any. */
  ofElement(node: XmlElement, schema: SchemaDocument, label: string): string {
    const place = `${schema.location}:${node.line}`
    const named = attributeOf(node, 'type')
    if (named !== undefined) return this.reference(qualified(named, node, schema), place)
    const inner = firstChild(node, 'complexType', 'simpleType')
    if (inner === undefined) return this.ofHead(node, schema, label)
    const known = this.anonymous.get(inner)
    if (known !== undefined) return known
    const key = `anonymous:${this.anonymous.size}:${label}`
    this.anonymous.set(inner, key)
    if (inner.local === 'simpleType')
      return this.store(key, {
        kind: 'simple',
        name: undefined,
        simple: this.simpleOf(inner, schema, 0),
      })
    return this.complex({ node: inner, schema, key, name: undefined, label })
  }

  /** A member of a substitution group without a type has that of its head. */
  private ofHead(node: XmlElement, schema: SchemaDocument, label: string): string {
    const head = attributeOf(node, 'substitutionGroup')
    const component =
      head === undefined ? undefined : this.set.find('element', qualified(head, node, schema))
    return component === undefined || component.node === node
      ? anyKey
      : this.ofElement(component.node, component.schema, label)
  }

  private store(key: string, type: SoapType): string {
    if (this.types.size >= typesMax)
      throw new ConversionFault('description_too_large', `more than ${typesMax} types`)
    this.types.set(key, type)
    return key
  }

  private label(wanted: string): string {
    const plain = jsonName(wanted)
    for (let index = 1; ; index += 1) {
      const label = index === 1 ? plain : `${plain.slice(0, 58)}_${index}`
      if (this.labels.has(label)) continue
      this.labels.add(label)
      return label
    }
  }

  private array(of: {
    itemType: string
    name: XmlName | undefined
    label: string
    key: string
  }): string {
    const item: SoapElement = {
      name: { namespace: '', local: 'item' },
      property: 'item',
      type: of.itemType,
      nillable: true,
    }
    return this.store(of.key, { kind: 'array', name: of.name, label: this.label(of.label), item })
  }

  private complex(of: {
    node: XmlElement
    schema: SchemaDocument
    key: string
    name: XmlName | undefined
    label: string
  }): string {
    const { node, schema, key, name } = of
    const itemType = arrayItem(node, schema)
    if (itemType !== undefined) {
      this.store(key, { kind: 'any' })
      this.waiting.push(() =>
        this.array({ itemType: this.content.itemKey(itemType), name, label: of.label, key }),
      )
      return key
    }
    const about = documentationOf(node, aboutCharactersMax)
    const reserved: ComplexType = {
      kind: 'complex',
      name,
      label: this.label(of.label),
      abstract: isTrue(attributeOf(node, 'abstract')),
      attributes: [],
      text: undefined,
      mixed: undefined,
      content: undefined,
      derived: [],
      ...(about === undefined ? {} : { about }),
    }
    this.store(key, reserved)
    this.waiting.push(() => this.types.set(key, this.filled(reserved, node, schema)))
    return key
  }

  private filled(reserved: ComplexType, node: XmlElement, schema: SchemaDocument): ComplexType {
    const { name } = reserved
    const properties = new Properties()
    const body = this.content.of(node, schema, 0)
    const content = body.content === undefined ? undefined : properties.particle(body.content)
    const attributes = body.attributes.map((attribute) => ({
      ...attribute,
      property: properties.take(attribute.name.local, 'attribute'),
    }))
    const text =
      body.text === undefined
        ? undefined
        : { property: properties.take('value', 'text'), type: body.text }
    const mixed = body.mixed && text === undefined ? properties.take('text', 'mixed') : undefined
    const below = name === undefined ? [] : this.set.derived(name, derivedMax)
    const derived = below.map((one) =>
      this.reference(one.name, `${one.schema.location}:${one.node.line}`),
    )
    return { ...reserved, attributes, text, mixed, content, derived }
  }

  /** A simple type by name, for attributes and as a base; complex types with simple content give their text. */
  simpleReference(name: XmlName, place: string, depth: number): SimpleType {
    const component = this.set.find('type', name)
    if (component !== undefined && depth <= simpleDepthMax) {
      if (component.node.local === 'simpleType')
        return this.simpleOf(component.node, component.schema, depth + 1)
      const { text } = this.content.of(component.node, component.schema, depth + 1)
      if (text !== undefined) return text
    }
    const builtin = builtinType(name.local)
    if (builtin !== undefined) return builtin
    this.notes.add(
      '',
      'reference_unresolved',
      `simple type "${keyOf(name)}" is not known${this.notes.because(name.namespace)}; any text is taken`,
      place,
    )
    return { kind: 'atomic', base: 'any', builtin: 'anySimpleType', facets: {} }
  }

  /** A `simpleType` element (XML Schema part 2, section 4.1). */
  simpleOf(node: XmlElement, schema: SchemaDocument, depth: number): SimpleType {
    this.spend()
    const place = `${schema.location}:${node.line}`
    const text: SimpleType = { kind: 'atomic', base: 'string', builtin: 'string', facets: {} }
    if (depth > simpleDepthMax) {
      this.notes.add(
        '',
        'schema_unusable',
        'a simple type is derived from itself; any text is taken',
        place,
      )
      return text
    }
    const inner = (holder: XmlElement): readonly SimpleType[] =>
      holder.children
        .filter((child) => child.local === 'simpleType')
        .map((child) => this.simpleOf(child, schema, depth + 1))
    const derivation = firstChild(node, 'restriction', 'list', 'union')
    if (derivation === undefined) return text
    const named = (attribute: string): readonly SimpleType[] =>
      (attributeOf(derivation, attribute) ?? '')
        .split(/\s+/)
        .filter((one) => one !== '')
        .map((one) => this.simpleReference(qualified(one, derivation, schema), place, depth + 1))
    if (derivation.local === 'list')
      return {
        kind: 'list',
        item: [...named('itemType'), ...inner(derivation)][0] ?? text,
        facets: {},
      }
    if (derivation.local === 'union')
      return unionOf([...named('memberTypes'), ...inner(derivation)])
    return restricted([...named('base'), ...inner(derivation)][0] ?? text, derivation)
  }
}

/** A union of unions is one union; what it holds twice, it holds once. */
function unionOf(members: readonly SimpleType[]): SimpleType {
  const flat = members.flatMap((one) => (one.kind === 'union' ? one.members : [one]))
  const distinct = new Map(flat.map((one) => [JSON.stringify(one), one]))
  return { kind: 'union', members: [...distinct.values()].slice(0, unionMembersMax) }
}
