/** Attributes of complex types (XML Schema part 1, sections 3.2 and 3.6). */
import { attributeOf, type XmlElement } from '../../../kit/xml.ts'
import type { SimpleType, SoapAttribute, XmlName } from '../../../model/kinds/soap.ts'
import { isEncodingNamespace } from './builtin.ts'
import type { SchemaDocument } from './load.ts'
import { documentationOf, firstChild, keyOf, qualified } from './schema-set.ts'
import type { TypeReader } from './type-reader.ts'

const depthMax = 64
const aboutCharactersMax = 300
const xmlNamespace = 'http://www.w3.org/XML/1998/namespace'

/** The component that a reference means; one to nothing is told. */
export function findReferenced(
  types: TypeReader,
  kind: 'group' | 'attributeGroup' | 'element' | 'attribute',
  node: XmlElement,
  schema: SchemaDocument,
) {
  const name = qualified(attributeOf(node, 'ref') ?? '', node, schema)
  const component = types.set.find(kind, name)
  if (component === undefined)
    types.notes.add(
      '',
      'reference_unresolved',
      `${kind} "${keyOf(name)}" is not known${types.notes.because(name.namespace)}; left out`,
      `${schema.location}:${node.line}`,
    )
  return component
}

export function attributesOf(
  types: TypeReader,
  node: XmlElement,
  schema: SchemaDocument,
  depth: number,
): readonly SoapAttribute[] {
  return node.children.flatMap((child): readonly SoapAttribute[] => {
    types.spend()
    if (child.local === 'attribute') {
      const attribute = attributeUse(types, child, schema)
      return attribute === undefined ? [] : [attribute]
    }
    if (child.local !== 'attributeGroup' || depth > depthMax) return []
    const component = findReferenced(types, 'attributeGroup', child, schema)
    return component === undefined
      ? []
      : attributesOf(types, component.node, component.schema, depth + 1)
  })
}

function attributeUse(
  types: TypeReader,
  node: XmlElement,
  schema: SchemaDocument,
): SoapAttribute | undefined {
  if (attributeOf(node, 'use') === 'prohibited') return undefined
  const reference = attributeOf(node, 'ref')
  const place = `${schema.location}:${node.line}`
  if (reference !== undefined) {
    const name = qualified(reference, node, schema)
    if (isEncodingNamespace(name.namespace)) return undefined
    const component = types.set.find('attribute', name)
    // Those of the xml namespace need no declaration.
    if (component === undefined && name.namespace !== xmlNamespace)
      return findReferenced(types, 'attribute', node, schema) && undefined
    return attributeAs(types, component?.node ?? node, component?.schema ?? schema, {
      name,
      use: node,
      place,
    })
  }
  const local = attributeOf(node, 'name')?.trim()
  if (local === undefined || local === '') return undefined
  const form = attributeOf(node, 'form') ?? attributeOf(schema.root, 'attributeFormDefault')
  const name = { namespace: form === 'qualified' ? schema.targetNamespace : '', local }
  return attributeAs(types, node, schema, { name, use: node, place })
}

function attributeAs(
  types: TypeReader,
  node: XmlElement,
  schema: SchemaDocument,
  { name, use, place }: { name: XmlName; use: XmlElement; place: string },
): SoapAttribute {
  const named = attributeOf(node, 'type')
  const inner = firstChild(node, 'simpleType')
  const type: SimpleType =
    named !== undefined
      ? types.simpleReference(qualified(named, node, schema), place, 0)
      : inner === undefined
        ? { kind: 'atomic', base: 'string', builtin: 'string', facets: {} }
        : types.simpleOf(inner, schema, 0)
  const fixed = attributeOf(use, 'fixed') ?? attributeOf(node, 'fixed')
  const preset = fixed ?? attributeOf(use, 'default') ?? attributeOf(node, 'default')
  const about = documentationOf(node, aboutCharactersMax)
  return {
    name,
    property: name.local,
    type,
    required: attributeOf(use, 'use') === 'required',
    ...(preset === undefined ? {} : { preset }),
    ...(fixed === undefined ? {} : { fixed: true }),
    ...(about === undefined ? {} : { about }),
  }
}
