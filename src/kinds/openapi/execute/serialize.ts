/** Parameters on the wire: the styles of OpenAPI 3.1 section 4.8.12.3, which are those of RFC 6570. */
import type { RestParameter, RestPart } from '../../../model/kinds/openapi.ts'
import { escapeAll, type Pair } from '../../api/escape.ts'
import {
  ArgumentFault,
  entriesOf,
  isList,
  isPrimitive,
  plainText,
  type Value,
} from './arguments.ts'

type Style = RestParameter['style']
type Encode = (text: string) => string

/**
 * `allowReserved` leaves RFC 3986 reserved characters as they are, but not those that would end the value: an argument
 * is data and adds no parameter.
 */
function escapeSome(text: string): string {
  return encodeURIComponent(text).replace(/%(?:3A|2F|3F|40|24|2C|3B)/g, decodeURIComponent)
}

const asIs: Encode = (text) => text

/** What stands between the items of a list. */
const signs: Partial<Record<Style, string>> = {
  spaceDelimited: ' ',
  pipeDelimited: '|',
  tabDelimited: '\t',
}
const separator = (style: Style | undefined, encode: Encode): string => {
  const sign = style === undefined ? undefined : signs[style]
  return sign === undefined ? ',' : encode(sign)
}

/** The items of a list in the order of the argument. `inner` says how lists among them are written; else as JSON. */
function items(
  value: readonly Value[],
  encode: Encode,
  inner: readonly Style[] | undefined = [],
): string[] {
  const [style, ...deeper] = inner
  return value
    .filter((item) => item !== null)
    .map((item) =>
      style !== undefined && isList(item)
        ? items(item, encode, deeper).join(separator(style, encode))
        : encode(plainText(item)),
    )
}

function members(
  value: { readonly [key: string]: Value },
  encode: Encode,
): readonly (readonly [string, string])[] {
  return entriesOf(value).map(([key, member]) => [encode(key), encode(plainText(member))])
}

/** A value of a path template, with the sign in front that its style has. */
export function pathValue(parameter: RestParameter, value: Value): string {
  const { name, style, explode } = parameter
  const encode = escapeAll
  if (parameter.mediaType !== undefined) return encode(contentText(parameter.mediaType, value))
  const key = encode(name)
  if (value === null) throw new ArgumentFault(parameter.argument, 'null cannot stand in a path')
  if (isPrimitive(value)) {
    const text = encode(plainText(value))
    if (style === 'label') return `.${text}`
    return style === 'matrix' ? (text === '' ? `;${key}` : `;${key}=${text}`) : text
  }
  if (isList(value)) {
    const all = items(value, encode, parameter.inner)
    if (all.length === 0) return ''
    if (style === 'label') return `.${all.join(explode ? '.' : ',')}`
    if (style !== 'matrix') return all.join(separator(style, encode))
    return explode ? all.map((item) => `;${key}=${item}`).join('') : `;${key}=${all.join(',')}`
  }
  const all = members(value, encode)
  if (all.length === 0) return ''
  const pairs = all.map(([member, text]) => `${member}=${text}`)
  const flat = all.flat().join(',')
  if (style === 'label') return `.${explode ? pairs.join('.') : flat}`
  if (style === 'matrix')
    return explode ? pairs.map((pair) => `;${pair}`).join('') : `;${key}=${flat}`
  return explode ? pairs.join(',') : flat
}

/** What a query, a cookie or a form needs to know of a value. */
export interface FormField {
  readonly name: string
  readonly style: RestPart['style']
  readonly explode: boolean
  readonly allowReserved: boolean
  readonly mediaType: string | undefined
  readonly inner?: readonly Style[]
}

export function partField(part: RestPart): FormField {
  const { name, style, explode, mediaType } = part
  return { name, style, explode, mediaType, allowReserved: false }
}

/** Name and value pairs of a query, a cookie or a form, escaped. Nothing for null and for what is empty. */
export function formPairs(field: FormField, value: Value): readonly Pair[] {
  const encode = field.allowReserved ? escapeSome : escapeAll
  const { style, explode } = field
  const name = escapeAll(field.name)
  if (value === null) return []
  if (field.mediaType !== undefined) return [[name, encode(contentText(field.mediaType, value))]]
  if (isPrimitive(value)) return [[name, encode(plainText(value))]]
  if (style === 'deepObject') return deepPairs(name, value, encode)
  if (isList(value)) {
    const all = items(value, encode, field.inner)
    if (explode || style === 'content') return all.map((item) => [name, item])
    return all.length === 0 ? [] : [[name, all.join(separator(style, encode))]]
  }
  if (style === 'content') return [[name, encode(contentText('application/json', value))]]
  const all = members(value, encode)
  if (explode) return all
  return all.length === 0 ? [] : [[name, all.flat().join(separator(style, encode))]]
}

/** A list as one text of a part, by a style that does not repeat it. */
export function joinedList(part: RestPart, value: readonly Value[]): string {
  return items(value, asIs).join(separator(part.style === 'content' ? 'form' : part.style, asIs))
}

/**
 * `a[b][c]=1`. The specification stops at one level and says nothing of lists; deeper ones and `a[]=1` are what the
 * frameworks read that made this style. Lists of objects carry an index, or their members could not be told apart.
 */
function deepPairs(name: string, value: Value, encode: Encode): readonly Pair[] {
  if (value === null) return []
  if (isPrimitive(value)) return [[name, encode(plainText(value))]]
  if (!isList(value))
    return entriesOf(value).flatMap(([key, member]) =>
      deepPairs(`${name}%5B${escapeAll(key)}%5D`, member, encode),
    )
  const flat = value.every((item) => item === null || isPrimitive(item))
  return value.flatMap((item, index) =>
    deepPairs(`${name}%5B${flat ? '' : index}%5D`, item, encode),
  )
}

/** The value of a header: `simple`, never escaped (RFC 9110 section 5.5). */
export function headerValue(parameter: RestParameter, value: Value): string {
  if (parameter.mediaType !== undefined) return contentText(parameter.mediaType, value)
  if (isPrimitive(value)) return plainText(value)
  if (value === null) return ''
  if (isList(value))
    return items(value, asIs, parameter.inner).join(separator(parameter.style, asIs))
  const all = members(value, asIs)
  return parameter.explode
    ? all.map(([key, member]) => `${key}=${member}`).join(',')
    : all.flat().join(',')
}

/** A value as a media type of its own: JSON, or text as it is. */
export function contentText(mediaType: string, value: Value): string {
  return /[/+]json\b/i.test(mediaType) || (value !== null && !isPrimitive(value))
    ? JSON.stringify(value)
    : plainText(value)
}
