/** Elements in the generic form to XML: names are checked, everything else is escaped. */
import { escapeAttribute, escapeText, isXmlText } from '../../../kit/xml.ts'
import { ArgumentFault, isMembers, member } from './arguments.ts'
import { xmlNames } from './names.ts'
import { ncName, type Prefixed, simpleText } from './simple.ts'

/** Content of any kind: a value, or attributes, text and children. */
export function freeContent(
  value: unknown,
  place: string,
  prefixed: Prefixed,
): { attributes: string; content: string } {
  if (!isMembers(value)) {
    const any = { kind: 'atomic', base: 'any', builtin: 'anySimpleType', facets: {} } as const
    const text = simpleText(any, value, { place, prefixed })
    return { attributes: '', content: escapeText(text) }
  }
  const given = member(value, 'attributes') ?? {}
  if (!isMembers(given)) throw new ArgumentFault(`${place}.attributes`, 'must be an object')
  const attributes = Object.entries(given).map(([key, one]) => {
    const where = `${place}.attributes.${key}`
    const [, namespace, local] = /^(?:\{([^{}]+)\})?([^{}]+)$/.exec(key) ?? []
    if (typeof one !== 'string' || !isXmlText(one) || local === undefined || !ncName.test(local))
      throw new ArgumentFault(where, 'must be an attribute with a text')
    const tag =
      namespace === xmlNames.xml ? `xml:${local}` : prefixed({ namespace: namespace ?? '', local })
    return ` ${tag}="${escapeAttribute(one)}"`
  })
  const text = member(value, 'text') ?? ''
  if (typeof text !== 'string' || !isXmlText(text))
    throw new ArgumentFault(`${place}.text`, 'must be a text')
  const children = member(value, 'children') ?? []
  if (!Array.isArray(children)) throw new ArgumentFault(`${place}.children`, 'must be an array')
  const inner = children.map((child: unknown, index) =>
    freeElement(child, `${place}.children[${index}]`, prefixed),
  )
  return { attributes: attributes.join(''), content: escapeText(text) + inner.join('') }
}

export function freeElement(value: unknown, place: string, prefixed: Prefixed): string {
  const name = isMembers(value) ? member(value, 'name') : undefined
  if (!isMembers(value) || typeof name !== 'string' || !ncName.test(name))
    throw new ArgumentFault(place, 'must be an element with a name')
  const namespace = member(value, 'namespace') ?? ''
  if (
    typeof namespace !== 'string' ||
    !isXmlText(namespace) ||
    namespace.startsWith('http://www.w3.org/2000/xmlns')
  )
    throw new ArgumentFault(`${place}.namespace`, 'must be the URI of a namespace')
  const tag = prefixed({ namespace, local: name })
  const { attributes, content } = freeContent(value, place, prefixed)
  return `<${tag}${attributes}>${content}</${tag}>`
}
