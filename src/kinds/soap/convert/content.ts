/** Content models of complex types (XML Schema part 1, sections 3.4 to 3.10): elements, attributes, text. */
import { attributeOf, type XmlElement } from '../../../kit/xml.ts'
import { ConversionFault } from '../../../model/conversion.ts'
import type {
  Particle,
  SimpleType,
  SoapAttribute,
  SoapElement,
  XmlName,
} from '../../../model/kinds/soap.ts'
import type { ItemType } from './array-item.ts'
import { attributesOf, findReferenced } from './attributes.ts'
import { isEncodingNamespace, isSchemaNamespace } from './builtin.ts'
import { restricted } from './facets.ts'
import type { SchemaDocument } from './load.ts'
import { documentationOf, firstChild, isTrue, keyOf, qualified } from './schema-set.ts'
import type { TypeReader } from './type-reader.ts'

const depthMax = 64
const substitutesMax = 64
const aboutCharactersMax = 300

export interface Body {
  readonly content: Particle | undefined
  readonly attributes: readonly SoapAttribute[]
  readonly text: SimpleType | undefined
  readonly mixed: boolean
}

const nothing: Body = {
  content: undefined,
  attributes: [],
  text: undefined,
  mixed: false,
}

export class Content {
  private readonly types: TypeReader

  constructor(types: TypeReader) {
    this.types = types
  }

  of(node: XmlElement, schema: SchemaDocument, depth: number): Body {
    const mixed = isTrue(attributeOf(node, 'mixed'))
    const holder = firstChild(node, 'complexContent', 'simpleContent')
    if (holder === undefined)
      return {
        ...nothing,
        content: this.model(node, schema, depth),
        attributes: attributesOf(this.types, node, schema, 0),
        mixed,
      }
    const derivation = firstChild(holder, 'extension', 'restriction')
    if (derivation === undefined) return nothing
    const body = this.derived(derivation, schema, {
      depth,
      simple: holder.local === 'simpleContent',
    })
    return { ...body, mixed: mixed || isTrue(attributeOf(holder, 'mixed')) || body.mixed }
  }

  private derived(
    node: XmlElement,
    schema: SchemaDocument,
    { depth, simple }: { depth: number; simple: boolean },
  ): Body {
    const place = `${schema.location}:${node.line}`
    const baseName = qualified(attributeOf(node, 'base') ?? '', node, schema)
    const component = this.types.set.find('type', baseName)
    if (depth > depthMax) {
      this.types.notes.add(
        '',
        'schema_unusable',
        `type "${baseName.local}" is derived from itself`,
        place,
      )
      return nothing
    }
    const base =
      component?.node.local === 'complexType'
        ? this.of(component.node, component.schema, depth + 1)
        : undefined
    if (
      component === undefined &&
      !simple &&
      !isSchemaNamespace(baseName.namespace) &&
      !isEncodingNamespace(baseName.namespace)
    )
      this.types.notes.add(
        '',
        'reference_unresolved',
        `base type "${keyOf(baseName)}" is not known${this.types.notes.because(baseName.namespace)}; only what is added to it is taken`,
        place,
      )
    const own = attributesOf(this.types, node, schema, 0)
    const attributes = merged(base?.attributes ?? [], own)
    if (simple) {
      const inner = firstChild(node, 'simpleType')
      const text =
        inner === undefined
          ? (base?.text ?? this.types.simpleReference(baseName, place, 0))
          : this.types.simpleOf(inner, schema, 0)
      return {
        ...nothing,
        attributes,
        text: node.local === 'restriction' ? restricted(text, node) : text,
      }
    }
    const content = this.model(node, schema, depth)
    if (node.local === 'restriction') return { ...nothing, attributes, content, text: base?.text }
    const parts = [base?.content, content].filter((one) => one !== undefined)
    const [first] = parts
    return {
      attributes,
      content: parts.length < 2 ? first : { kind: 'sequence', items: parts, min: 1, max: 1 },
      text: base?.text,
      mixed: base?.mixed ?? false,
    }
  }

  /** The group inside a type; single elements without one occur in the wild and are taken as a sequence. */
  private model(node: XmlElement, schema: SchemaDocument, depth: number): Particle | undefined {
    const items = this.items(node, schema, depth)
    const [first] = items
    return items.length < 2 ? first : { kind: 'sequence', items, min: 1, max: 1 }
  }

  private items(node: XmlElement, schema: SchemaDocument, depth: number): readonly Particle[] {
    return node.children.flatMap((child) => {
      const particle = this.particle(child, schema, depth + 1)
      return particle === undefined ? [] : [particle]
    })
  }

  private particle(node: XmlElement, schema: SchemaDocument, depth: number): Particle | undefined {
    this.types.spend()
    if (depth > depthMax)
      throw new ConversionFault(
        'schema_unusable',
        `groups are nested deeper than ${depthMax}`,
        `${schema.location}:${node.line}`,
      )
    const occurs = occurrence(node)
    if (occurs.max === 0) return undefined
    switch (node.local) {
      case 'element':
        return this.element(node, schema, occurs)
      case 'any':
        return { kind: 'any', property: '', ...occurs }
      case 'sequence':
      case 'all':
      case 'choice': {
        const items = this.items(node, schema, depth)
        return items.length === 0 ? undefined : { kind: node.local, items, ...occurs }
      }
      case 'group': {
        const component = findReferenced(this.types, 'group', node, schema)
        if (component === undefined) return undefined
        const items = this.items(component.node, component.schema, depth)
        const property = component.name.local
        return items.length === 0 ? undefined : { kind: 'sequence', items, property, ...occurs }
      }
      default:
        return undefined
    }
  }

  private element(
    node: XmlElement,
    schema: SchemaDocument,
    occurs: { min: number; max: number | null },
  ): Particle | undefined {
    if (attributeOf(node, 'ref') === undefined) {
      const local = attributeOf(node, 'name')?.trim()
      if (local === undefined || local === '') return undefined
      const form = attributeOf(node, 'form') ?? attributeOf(schema.root, 'elementFormDefault')
      const name = { namespace: form === 'qualified' ? schema.targetNamespace : '', local }
      return { kind: 'element', element: this.declared(node, schema, name), ...occurs }
    }
    const component = findReferenced(this.types, 'element', node, schema)
    if (component === undefined) return undefined
    const stand = this.types.set.substitutable(component.name, substitutesMax)
    const alternatives = [component, ...stand]
      .filter((one) => stand.length === 0 || !isTrue(attributeOf(one.node, 'abstract')))
      .map((one) => this.declared(one.node, one.schema, one.name))
    const [only] = alternatives
    if (only === undefined) return undefined
    if (alternatives.length === 1) return { kind: 'element', element: only, ...occurs }
    const items = alternatives.map(
      (element): Particle => ({ kind: 'element', element, min: 1, max: 1 }),
    )
    return { kind: 'choice', items, property: component.name.local, ...occurs }
  }

  declared(node: XmlElement, schema: SchemaDocument, name: XmlName): SoapElement {
    const fixed = attributeOf(node, 'fixed')
    const preset = fixed ?? attributeOf(node, 'default')
    const about = documentationOf(node, aboutCharactersMax)
    return {
      name,
      property: name.local,
      type: this.types.ofElement(node, schema, name.local),
      nillable: isTrue(attributeOf(node, 'nillable')),
      ...(preset === undefined ? {} : { preset }),
      ...(fixed === undefined ? {} : { fixed: true }),
      ...(about === undefined ? {} : { about }),
    }
  }

  /** Arrays of arrays say their inner type on the wire; they are read as free content. */
  itemKey({ name, rank, place }: ItemType): string {
    if (rank === 0) return this.types.reference(name, place)
    this.types.notes.add(
      '',
      'schema_unusable',
      'an array of arrays is taken as free content',
      place,
    )
    return 'any'
  }
}

function merged(
  base: readonly SoapAttribute[],
  own: readonly SoapAttribute[],
): readonly SoapAttribute[] {
  const again = new Set(own.map(({ name }) => keyOf(name)))
  return [...base.filter(({ name }) => !again.has(keyOf(name))), ...own]
}

function occurrence(node: XmlElement): { min: number; max: number | null } {
  const min = Number(attributeOf(node, 'minOccurs') ?? 1)
  const written = attributeOf(node, 'maxOccurs') ?? '1'
  const max = written === 'unbounded' ? null : Number(written)
  return {
    min: Number.isSafeInteger(min) && min >= 0 ? min : 1,
    max: max === null || (Number.isSafeInteger(max) && max >= 0) ? max : 1,
  }
}
