/** XML answers as JSON, lists and attributes where the description says that they are. */
import { XMLParser } from 'fast-xml-parser'
import type { XmlShape } from '../../../model/kinds/openapi.ts'

const attributePrefix = '@_'
const textName = '#text'
/** Larger ones are handed on as text. */
const xmlBytesMax = 4_000_000
const depthMax = 64

type Json = string | readonly Json[] | { readonly [key: string]: Json }

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: attributePrefix,
  textNodeName: textName,
  removeNSPrefix: true,
  parseTagValue: false,
  parseAttributeValue: false,
  ignoreDeclaration: true,
  ignorePiTags: true,
  maxNestedTags: depthMax,
  htmlEntities: true,
})

/**
 * The content of the root element. @returns undefined for what is not read as XML: too large, too deep, malformed, or
 * with a document type, which is where entities that grow or read files are declared.
 */
export function readXml(text: string, shape: XmlShape | undefined): Json | undefined {
  if (text.length > xmlBytesMax || /<!DOCTYPE/i.test(text)) return undefined
  try {
    const document: unknown = parser.parse(text, true)
    if (!isNode(document)) return undefined
    const root = Object.entries(document).find(([name]) => name !== textName)
    return root === undefined ? undefined : shaped(asJson(root[1]), shape ?? {})
  } catch {
    return undefined
  }
}

function isNode(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function asJson(value: unknown): Json {
  if (Array.isArray(value)) return value.map(asJson)
  if (!isNode(value)) return typeof value === 'string' ? value : String(value)
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, asJson(member)]))
}

function listOf(value: Json | undefined): readonly Json[] {
  if (value === undefined) return []
  return Array.isArray(value) ? value : [value]
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && !Array.isArray(value)
}

function shaped(value: Json, shape: XmlShape): Json {
  const { properties, items } = shape
  if (items !== undefined) {
    // A list at the root: its element holds the items, whatever they are called.
    const all = isObject(value) ? Object.values(value).flatMap(listOf) : listOf(value)
    return all.filter((item) => item !== '').map((item) => shaped(item, items))
  }
  if (Array.isArray(value)) return value.map((item) => shaped(item, shape))
  if (!isObject(value)) return value === '' && properties !== undefined ? {} : value
  const taken = new Set<string>()
  const result: Record<string, Json> = {}
  for (const [key, inner] of Object.entries(properties ?? {})) {
    const name = `${inner.attribute === true ? attributePrefix : ''}${inner.name ?? key}`
    const itemName = inner.items?.name ?? (inner.wrapped === true ? (inner.name ?? key) : key)
    const place = inner.items === undefined || inner.wrapped === true ? name : itemName
    const found = value[place]
    if (found === undefined) continue
    taken.add(place)
    const { items: innerItems } = inner
    if (innerItems === undefined) result[key] = shaped(found, inner)
    else {
      const list = inner.wrapped !== true ? found : isObject(found) ? found[itemName] : undefined
      result[key] = listOf(list).map((item) => shaped(item, innerItems))
    }
  }
  for (const [key, member] of Object.entries(value)) {
    if (taken.has(key)) continue
    const plain = key.startsWith(attributePrefix) ? key.slice(attributePrefix.length) : key
    if (plain === 'xmlns' || plain.startsWith('xmlns:')) continue
    result[plain in result ? key : plain] = shaped(member, {})
  }
  return result
}
