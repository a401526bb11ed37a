/** Request bodies. A JSON body is made of the caller's own bytes: nothing in it is written anew. */
import { randomBytes } from 'node:crypto'
import type { RestBody, RestPart } from '../../../model/kinds/openapi.ts'
import {
  ArgumentFault,
  type Arguments,
  isList,
  isPrimitive,
  parseValue,
  plainText,
  type Value,
} from './arguments.ts'
import { contentText, formPairs, joinedList, partField } from './serialize.ts'
import { writeXml } from './xml-write.ts'

export interface BuiltBody {
  readonly bytes: string | Buffer
  readonly contentType: string
}

/** One member of a body: its name on the wire, the argument it came from, and its raw JSON. */
interface Field {
  readonly name: string
  readonly argument: string
  readonly raw: string
}

/** @returns undefined when there is no body to send. @throws ArgumentFault */
export function buildBody(body: RestBody | undefined, given: Arguments): BuiltBody | undefined {
  if (body === undefined) return undefined
  const { from } = body
  const whole = from.kind === 'argument' ? given.raw(from.argument) : undefined
  if (from.kind === 'argument' && whole === undefined) return undefined
  const fields = from.kind === 'arguments' ? fieldsOf(from.properties, given) : []
  if (from.kind === 'arguments' && fields.length === 0 && !body.required) return undefined
  const argument = from.kind === 'argument' ? from.argument : ''
  switch (body.form) {
    case 'json':
      return { bytes: whole ?? objectOf(fields), contentType: inUtf8(body.mediaType) }
    case 'urlencoded':
      return {
        bytes: urlencoded(body.parts, whole === undefined ? fields : membersOf(argument, whole)),
        contentType: inUtf8(body.mediaType),
      }
    case 'multipart':
      return multipart(body, whole === undefined ? fields : membersOf(argument, whole))
    case 'xml':
      return {
        bytes: writeXml(
          { shape: body.xml ?? {}, root: body.xmlRoot ?? 'root', argument },
          parseValue(argument, whole ?? objectOf(fields)),
        ),
        contentType: inUtf8(body.mediaType),
      }
    case 'text': {
      const value = parseValue(argument, whole ?? objectOf(fields))
      return isFile(value)
        ? { bytes: fileOf(argument, value).bytes, contentType: body.mediaType }
        : { bytes: plainText(value), contentType: withUtf8(body.mediaType) }
    }
    case 'binary': {
      const file = fileOf(argument, parseValue(argument, whole ?? '""'))
      return {
        bytes: file.bytes,
        contentType: concrete(argument, body.mediaType, file.mediaType),
      }
    }
  }
}

function fieldsOf(properties: Readonly<Record<string, string>>, given: Arguments): Field[] {
  return Object.entries(properties).flatMap(([name, argument]) => {
    const raw = given.raw(argument)
    return raw === undefined ? [] : [{ name, argument, raw }]
  })
}

function objectOf(fields: readonly Field[]): string {
  return `{${fields.map(({ name, raw }) => `${JSON.stringify(name)}:${raw}`).join(',')}}`
}

function membersOf(argument: string, raw: string): Field[] {
  const value = parseValue(argument, raw)
  if (value === null || isPrimitive(value) || isList(value))
    throw new ArgumentFault(argument, 'must be an object, since it is sent as a form')
  return Object.entries(value).map(([name, member]) => ({
    name,
    argument: `${argument}.${name}`,
    raw: JSON.stringify(member),
  }))
}

const plainPart = (name: string): RestPart => ({
  name,
  mediaType: undefined,
  style: 'content',
  explode: true,
  file: false,
})

function partsByName(parts: readonly RestPart[]): ReadonlyMap<string, RestPart> {
  return new Map(parts.map((part) => [part.name, part]))
}

/** `application/x-www-form-urlencoded` (WHATWG URL section 5); escaped as `%20`, which every reader takes. */
function urlencoded(parts: readonly RestPart[], fields: readonly Field[]): string {
  const byName = partsByName(parts)
  return fields
    .flatMap(({ name, argument, raw }) =>
      formPairs(partField(byName.get(name) ?? plainPart(name)), parseValue(argument, raw)),
    )
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
}

/** RFC 7578. */
function multipart(body: RestBody, fields: readonly Field[]): BuiltBody {
  const boundary = `sallyport-${randomBytes(18).toString('base64url')}`
  const byName = partsByName(body.parts)
  const chunks: (string | Buffer)[] = []
  for (const field of fields) {
    const part = byName.get(field.name) ?? plainPart(field.name)
    const value = parseValue(field.argument, field.raw)
    if (value === null) continue
    for (const item of partsOf(part, value))
      if (item !== null)
        chunks.push(`--${boundary}\r\n`, ...partOf(part, field.argument, item), '\r\n')
  }
  chunks.push(`--${boundary}--\r\n`)
  const bytes = Buffer.concat(
    chunks.map((chunk) => (typeof chunk === 'string' ? Buffer.from(chunk) : chunk)),
  )
  // Media type parameters of the description would fight with the boundary.
  const mediaType = body.mediaType.split(';')[0]?.trim() ?? 'multipart/form-data'
  return { bytes, contentType: `${mediaType}; boundary=${boundary}` }
}

/** OpenAPI 3.1 section 4.8.15.1: a list is one part each, unless it is one text or JSON as a whole. */
function partsOf(part: RestPart, value: Value): readonly Value[] {
  if (!isList(value)) return [value]
  if (part.file) return value
  if (part.mediaType !== undefined && /[/+]json\b/i.test(part.mediaType)) return [value]
  return part.style === 'content' || part.explode ? value : [joinedList(part, value)]
}

function partOf(part: RestPart, argument: string, value: Value): readonly (string | Buffer)[] {
  const disposition = `Content-Disposition: form-data; name="${quoted(part.name)}"`
  if (part.file) {
    const file = fileOf(argument, value)
    // Bytes are the default of a part (OpenAPI 3.1 section 4.8.15.1) and say nothing of what they are.
    const described = part.mediaType === octets ? undefined : part.mediaType
    const type = concrete(argument, described ?? '*/*', file.mediaType)
    const name = quoted(file.fileName ?? part.name)
    return [`${disposition}; filename="${name}"\r\nContent-Type: ${type}\r\n\r\n`, file.bytes]
  }
  // RFC 7578 section 4.4: text/plain is the default, and is best left out.
  const mediaType = part.mediaType ?? (isPrimitive(value) ? undefined : 'application/json')
  const type = mediaType === undefined ? '' : `\r\nContent-Type: ${inUtf8(mediaType)}`
  const isXml = part.xmlRoot !== undefined && !isPrimitive(value)
  const text = isXml
    ? writeXml({ shape: part.xml ?? {}, root: part.xmlRoot ?? part.name, argument }, value)
    : mediaType === undefined
      ? plainText(value)
      : contentText(mediaType, value)
  return [`${disposition}${type}\r\n\r\n`, text]
}

/** WHATWG HTML "multipart/form-data encoding algorithm": these three and no more. */
function quoted(text: string): string {
  return text.replace(/\r/g, '%0D').replace(/\n/g, '%0A').replace(/"/g, '%22')
}

interface File {
  readonly bytes: Buffer
  readonly mediaType: string | undefined
  readonly fileName: string | undefined
}

/** Whether a value is a file that is not given as text. */
function isFile(value: Value): boolean {
  return (
    value !== null && !isPrimitive(value) && !isList(value) && typeof value['data'] === 'string'
  )
}

/**
 * A file: `{data: base64, mediaType?, fileName?}`, or a text, which is its content as it stands.
 * @throws ArgumentFault
 */
function fileOf(argument: string, value: Value): File {
  if (typeof value === 'string')
    return { bytes: Buffer.from(value), mediaType: undefined, fileName: undefined }
  if (value === null || isPrimitive(value) || isList(value) || typeof value['data'] !== 'string')
    throw new ArgumentFault(argument, 'must be text, or {"data": base64}')
  const bytes = decodeBase64(value['data'])
  if (bytes === undefined) throw new ArgumentFault(argument, '"data" is not valid base64')
  const { mediaType, fileName } = value
  if (typeof mediaType === 'string' && !isMediaType(mediaType))
    throw new ArgumentFault(argument, '"mediaType" is no media type')
  return {
    bytes,
    mediaType: typeof mediaType === 'string' ? mediaType : undefined,
    fileName: typeof fileName === 'string' ? fileName : undefined,
  }
}

/** RFC 4648 sections 4 and 5; undefined when the text is neither. */
function decodeBase64(text: string): Buffer | undefined {
  const compact = text.replace(/[\r\n]/g, '')
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(compact)) return undefined
  const length = compact.replace(/=+$/, '').length
  return length % 4 === 1 ? undefined : Buffer.from(compact, 'base64')
}

function isMediaType(text: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+\/[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:; ?[\w-]+=[\w.-]+)*$/.test(
    text,
  )
}

const octets = 'application/octet-stream'

/**
 * The media type of a file: the caller's where the description allows it, which names types and ranges (OpenAPI 3.0.3
 * section 4.7.15.1); else the first type that it names.
 * @throws ArgumentFault where neither says what it is
 */
function concrete(argument: string, described: string, given: string | undefined): string {
  const allowed = described
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')
  if (given !== undefined && allowed.some((one) => includes(one, given))) return given
  const first = allowed.find((one) => !one.includes('*'))
  if (first !== undefined) return first
  if (allowed.length === 0 || allowed.some((one) => includes(one, octets))) return octets
  throw new ArgumentFault(
    argument,
    `is of a type that only the caller knows: give {"data": base64, "mediaType": ...} with one of ${allowed.join(', ')}`,
  )
}

/** Whether a type is the one, or in the range, without regard to parameters. */
function includes(allowed: string, type: string): boolean {
  const [wanted, got] = [bare(allowed), bare(type)]
  return (
    wanted === '*/*' ||
    wanted === got ||
    (wanted.endsWith('/*') && got.startsWith(wanted.slice(0, -1)))
  )
}

const bare = (type: string): string => (type.split(';', 1)[0] ?? '').trim().toLowerCase()

const charsetPattern = /;\s*charset\s*=\s*("[^"]*"|[^;\s]*)/i

/** What is written here is UTF-8, so no other charset may be named (RFC 7303 section 3: readers believe it). */
function inUtf8(mediaType: string): string {
  return mediaType.replace(charsetPattern, '; charset=utf-8')
}

function withUtf8(mediaType: string): string {
  return charsetPattern.test(mediaType) ? inUtf8(mediaType) : `${mediaType}; charset=utf-8`
}
