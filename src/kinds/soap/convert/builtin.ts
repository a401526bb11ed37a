/** The built-in types of XML Schema part 2, and those of its drafts and of the SOAP encoding that still occur. */
import type { AtomicBase, Facets, SimpleType } from '../../../model/kinds/soap.ts'

const schemaNamespaces = new Set([
  'http://www.w3.org/2001/XMLSchema',
  'http://www.w3.org/2000/10/XMLSchema',
  'http://www.w3.org/1999/XMLSchema',
])
const encodingNamespaces = new Set([
  'http://schemas.xmlsoap.org/soap/encoding/',
  'http://www.w3.org/2003/05/soap-encoding',
  'http://www.w3.org/2001/12/soap-encoding',
])

export const isSchemaNamespace = (namespace: string): boolean => schemaNamespaces.has(namespace)
export const isEncodingNamespace = (namespace: string): boolean => encodingNamespaces.has(namespace)

const zone = '(Z|[+-]\\d{2}:\\d{2})?'
const time = '\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?'

const atoms: Readonly<Record<string, readonly [AtomicBase, Facets?]>> = {
  string: ['string'],
  normalizedString: ['string'],
  token: ['string'],
  language: ['string'],
  Name: ['string'],
  NCName: ['string'],
  NMTOKEN: ['string'],
  ID: ['string'],
  IDREF: ['string'],
  ENTITY: ['string'],
  anyURI: ['string'],
  boolean: ['boolean'],
  byte: ['integer', { minimum: -128, maximum: 127 }],
  short: ['integer', { minimum: -32_768, maximum: 32_767 }],
  int: ['integer', { minimum: -2_147_483_648, maximum: 2_147_483_647 }],
  unsignedByte: ['integer', { minimum: 0, maximum: 255 }],
  unsignedShort: ['integer', { minimum: 0, maximum: 65_535 }],
  unsignedInt: ['integer', { minimum: 0, maximum: 4_294_967_295 }],
  long: ['big-integer'],
  unsignedLong: ['big-integer', { minimum: 0 }],
  integer: ['big-integer'],
  nonNegativeInteger: ['big-integer', { minimum: 0 }],
  positiveInteger: ['big-integer', { minimum: 1 }],
  nonPositiveInteger: ['big-integer', { maximum: 0 }],
  negativeInteger: ['big-integer', { maximum: -1 }],
  decimal: ['decimal'],
  float: ['float'],
  double: ['float'],
  base64Binary: ['base64'],
  base64: ['base64'],
  hexBinary: ['hex'],
  QName: ['qname'],
  NOTATION: ['qname'],
  anySimpleType: ['any'],
  anyAtomicType: ['any'],
  dateTime: ['string', { pattern: `^-?\\d{4,}-\\d{2}-\\d{2}T${time}${zone}$` }],
  date: ['string', { pattern: `^-?\\d{4,}-\\d{2}-\\d{2}${zone}$` }],
  time: ['string', { pattern: `^${time}${zone}$` }],
  gYear: ['string', { pattern: `^-?\\d{4,}${zone}$` }],
  gYearMonth: ['string', { pattern: `^-?\\d{4,}-\\d{2}${zone}$` }],
  gMonth: ['string', { pattern: `^--\\d{2}${zone}$` }],
  gMonthDay: ['string', { pattern: `^--\\d{2}-\\d{2}${zone}$` }],
  gDay: ['string', { pattern: `^---\\d{2}${zone}$` }],
  duration: [
    'string',
    { pattern: '^-?P(\\d+Y)?(\\d+M)?(\\d+D)?(T(\\d+H)?(\\d+M)?(\\d+(\\.\\d+)?S)?)?$' },
  ],
}
const synonyms: Readonly<Record<string, string>> = {
  timeInstant: 'dateTime',
  uriReference: 'anyURI',
  timeDuration: 'duration',
}
const lists: Readonly<Record<string, string>> = {
  NMTOKENS: 'NMTOKEN',
  IDREFS: 'IDREF',
  ENTITIES: 'ENTITY',
}

/** The built-in simple type of a local name; undefined for others, `anyType` among them. */
export function builtinType(local: string): SimpleType | undefined {
  const name = synonyms[local] ?? local
  if (Object.hasOwn(lists, name)) {
    const item = builtinType(lists[name] ?? '')
    return item === undefined ? undefined : { kind: 'list', item, facets: {} }
  }
  const atom = Object.hasOwn(atoms, name) ? atoms[name] : undefined
  if (atom === undefined) return undefined
  const [base, facets] = atom
  return { kind: 'atomic', base, builtin: name, facets: facets ?? {} }
}
