/** Arrays of the SOAP encoding. */
import { attributeOf, type XmlElement } from '../../../kit/xml.ts'
import type { XmlName } from '../../../model/kinds/soap.ts'
import { isEncodingNamespace } from './builtin.ts'
import type { SchemaDocument } from './load.ts'
import { firstChild, qualified } from './schema-set.ts'

const wsdlNamespace = 'http://schemas.xmlsoap.org/wsdl/'

export interface ItemType {
  readonly name: XmlName
  /** Further brackets: an array of arrays. */
  readonly rank: number
  readonly place: string
}

/** The item type of a restriction of the SOAP encoding's Array (WSDL 1.1 section 2.2); undefined for other types. */
export function arrayItem(node: XmlElement, schema: SchemaDocument): ItemType | undefined {
  const holder = firstChild(node, 'complexContent')
  const derivation =
    holder === undefined ? undefined : firstChild(holder, 'restriction', 'extension')
  if (derivation === undefined) return undefined
  const base = qualified(attributeOf(derivation, 'base') ?? '', derivation, schema)
  if (base.local !== 'Array' || !isEncodingNamespace(base.namespace)) return undefined
  const place = `${schema.location}:${node.line}`
  for (const child of derivation.children) {
    const declared = attributeOf(child, 'arrayType', wsdlNamespace)
    const [, name, rank] = /^([^[\]]+)((?:\[[\d,]*\])+)$/.exec(declared?.trim() ?? '') ?? []
    if (name !== undefined)
      return {
        name: qualified(name, child, schema),
        rank: (rank ?? '').split('[').length - 2,
        place,
      }
  }
  const group = firstChild(derivation, 'sequence', 'all')
  const item = group === undefined ? undefined : firstChild(group, 'element')
  const type = item === undefined ? undefined : attributeOf(item, 'type')
  const any = { namespace: 'http://www.w3.org/2001/XMLSchema', local: 'anyType' }
  return {
    name: item === undefined || type === undefined ? any : qualified(type, item, schema),
    rank: 0,
    place,
  }
}
