/** Runtime expressions of links (OpenAPI 3.1 section 4.8.20.4), parsed once so that a call only looks up. */
import { namedBy } from '../../../kit/json-pointer.ts'
import type { ConversionCode } from '../../../model/conversion.ts'
import type {
  RestBody,
  RestExpression,
  RestLinkValue,
  RestPlan,
} from '../../../model/kinds/openapi.ts'
import { jsonOf } from '../../document/json.ts'

const charsMax = 1_000
const partsMax = 20

/** What an expression that starts with `$request` may name. */
export type Asked = Pick<RestPlan, 'parameters' | 'body'>

/** Why a link is not told. */
export class LinkFault extends Error {
  readonly code: ConversionCode

  constructor(code: ConversionCode, reason: string) {
    super(reason)
    this.code = code
  }
}

const invalid = (reason: string): LinkFault => new LinkFault('description_invalid', reason)

/**
 * A value of a link: an expression, a text that embeds some in braces, or a constant.
 * @throws LinkFault
 */
export function parseLinkValue(raw: unknown, asked: Asked): RestLinkValue {
  if (typeof raw === 'string' && raw.length <= charsMax) {
    if (raw.startsWith('$')) return parseExpression(raw, asked)
    if (raw.includes('{$')) return { kind: 'text', parts: partsOf(raw, asked) }
  }
  const json = jsonOf(raw)
  if (json === undefined || json.length > charsMax)
    throw invalid(`a value has more than ${charsMax} characters`)
  return { kind: 'constant', json }
}

function partsOf(text: string, asked: Asked): readonly (string | RestExpression)[] {
  const parts = text
    .split(/(\{\$[^{}]*\})/)
    .filter((part) => part !== '')
    .map((part) => (part.startsWith('{$') ? parseExpression(part.slice(1, -1), asked) : part))
  if (
    parts.length > partsMax ||
    parts.some((part) => typeof part === 'string' && part.includes('{$'))
  )
    throw invalid(`${shown(text)} is no text with expressions`)
  return parts
}

/** @throws LinkFault */
function parseExpression(text: string, asked: Asked): RestExpression {
  if (text === '$url') return { kind: 'url' }
  if (text === '$method') return { kind: 'method' }
  if (text === '$statusCode') return { kind: 'statusCode' }
  const [, from, source = ''] = /^\$(request|response)\.(.+)$/s.exec(text) ?? []
  const pointer = pointerIn(source)
  if (pointer !== undefined) {
    if (from === 'response') return { kind: 'body', pointer }
    if (asked.body !== undefined) return { kind: 'requestBody', pointer }
    throw invalid(`${shown(text)} names a body that the operation does not have`)
  }
  const [, where, name = ''] = /^(header|query|path)\.(.+)$/s.exec(source) ?? []
  if (from === 'request' && where !== undefined) return argumentOf(text, where, name, asked)
  // RFC 9110 section 5.1: a token. Cookies of an answer are the gateway's own.
  if (from === 'response' && where === 'header' && /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) {
    if (/^set-cookie2?$/i.test(name)) throw invalid('cookies are not told')
    return { kind: 'header', name: name.toLowerCase() }
  }
  throw invalid(`${shown(text)} is no runtime expression`)
}

/** `body`, `body#` or `body#/pointer` (RFC 6901); undefined for anything else. */
function pointerIn(source: string): readonly string[] | undefined {
  if (source === 'body' || source === 'body#') return []
  if (!source.startsWith('body#/')) return undefined
  return source.slice('body#/'.length).split('/').map(namedBy)
}

function argumentOf(text: string, where: string, name: string, asked: Asked): RestExpression {
  const same = (other: string): boolean =>
    where === 'header' ? other.toLowerCase() === name.toLowerCase() : other === name
  const parameter = asked.parameters.find((one) => one.in === where && same(one.name))
  if (parameter === undefined) throw invalid(`${shown(text)} names no parameter of the operation`)
  return { kind: 'argument', argument: parameter.argument }
}

/** The value of one property of a body that is given as a whole; undefined when that cannot be said. */
export function propertyOf(value: RestLinkValue, name: string): RestLinkValue | undefined {
  if (value.kind === 'body' || value.kind === 'requestBody')
    return { ...value, pointer: [...value.pointer, name] }
  if (value.kind !== 'constant') return undefined
  const whole: unknown = JSON.parse(value.json)
  if (typeof whole !== 'object' || whole === null || !Object.hasOwn(whole, name)) return undefined
  const member: unknown = Object.entries(whole).find(([key]) => key === name)?.[1]
  return { kind: 'constant', json: JSON.stringify(member) }
}

/** Arguments of a tool that its body is put together from: wire names by argument. */
export function bodyArguments(body: RestBody): readonly (readonly [string, string])[] {
  return body.from.kind === 'argument' ? [] : Object.entries(body.from.properties)
}

function shown(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}...` : text)
}
