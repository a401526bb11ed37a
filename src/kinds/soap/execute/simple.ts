/** Values of simple types: JSON to text of XML, and back (XML Schema part 2). */
import { isXmlText } from '../../../kit/xml.ts'
import type { SimpleType, XmlName } from '../../../model/kinds/soap.ts'
import { ArgumentFault, ExactNumber } from './arguments.ts'

/** Gives a QName the prefix that the document has for its namespace. */
export type Prefixed = (name: XmlName) => string

type Atomic = Extract<SimpleType, { kind: 'atomic' }>

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const integer = /^[+-]?\d+$/
const decimal = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)$/
export const ncName = /^[\p{L}_][\p{L}\p{N}\p{M}._\u00b7-]*$/u

/** @throws ArgumentFault when the value has no text of that type */
export function simpleText(
  type: SimpleType,
  value: unknown,
  at: { place: string; prefixed: Prefixed },
): string {
  switch (type.kind) {
    case 'list': {
      if (!Array.isArray(value)) throw new ArgumentFault(at.place, 'must be an array')
      return value
        .map((item: unknown, index) => {
          const text = simpleText(type.item, item, { ...at, place: `${at.place}[${index}]` })
          if (text === '' || /\s/.test(text))
            throw new ArgumentFault(
              `${at.place}[${index}]`,
              'must not be empty or have white space',
            )
          return text
        })
        .join(' ')
    }
    case 'union': {
      const texts = type.members.map((member) => {
        try {
          return simpleText(member, value, at)
        } catch (thrown) {
          if (thrown instanceof ArgumentFault) return undefined
          throw thrown
        }
      })
      const text = texts.find((one) => one !== undefined)
      if (text === undefined)
        throw new ArgumentFault(at.place, 'fits none of the types that it may have')
      return text
    }
    case 'atomic':
      return atomicText(type, value, at)
  }
}

function atomicText(
  { base }: Atomic,
  value: unknown,
  { place, prefixed }: { place: string; prefixed: Prefixed },
): string {
  const refuse = (wanted: string): never => {
    throw new ArgumentFault(place, `must be ${wanted}`)
  }
  const text = plainText(value)
  if (text === undefined) return refuse('a text, a number or a boolean')
  switch (base) {
    case 'boolean':
      return typeof value === 'boolean' ? String(value) : refuse('true or false')
    case 'integer':
    case 'big-integer':
      return integer.test(text) ? text : refuse('an integer')
    case 'decimal':
      return decimal.test(text) ? text : refuse('a decimal number')
    case 'float':
      return /^(?:-?INF|NaN)$/.test(text) || (text.trim() !== '' && Number.isFinite(Number(text)))
        ? text
        : refuse('a number')
    case 'base64':
      return base64.test(text) ? text : refuse('base64')
    case 'hex':
      return /^(?:[0-9A-Fa-f]{2})*$/.test(text) ? text : refuse('hexadecimal digits, two a byte')
    case 'qname': {
      const [, namespace, local] = /^(?:\{([^{}]*)\})?([^{}]+)$/.exec(text) ?? []
      return local !== undefined && ncName.test(local)
        ? prefixed({ namespace: namespace ?? '', local })
        : refuse('a name as {namespace}name')
    }
    case 'string':
    case 'any':
      return isXmlText(text)
        ? text
        : refuse('a text without control characters: XML cannot hold them')
  }
}

function plainText(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean') return String(value)
  if (value instanceof ExactNumber) return withoutExponent(value.text)
  return typeof value === 'number' ? withoutExponent(String(value)) : undefined
}

/** Decimals and integers of XML Schema have no exponent. */
function withoutExponent(text: string): string {
  const [, sign, whole, fraction, exponent] =
    /^(-?)(\d+)(?:\.(\d+))?[eE]([+-]?\d+)$/.exec(text) ?? []
  if (whole === undefined || exponent === undefined) return text
  const shift = Number(exponent)
  if (Math.abs(shift) > 400) return text
  const digits = whole + (fraction ?? '')
  const point = whole.length + shift
  const padded = point <= 0 ? '0'.repeat(1 - point) + digits : digits.padEnd(point, '0')
  const at = Math.max(point, 1)
  const rest = padded.slice(at).replace(/0+$/, '')
  return `${sign}${padded.slice(0, at)}${rest === '' ? '' : `.${rest}`}`
}

/** A text of an answer as JSON. What does not fit its type stays a text: nothing of an answer is lost. */
export function simpleValue(
  type: SimpleType,
  text: string,
  scope: (prefix: string) => string | undefined,
): unknown {
  switch (type.kind) {
    case 'list':
      return text
        .split(/[ \t\r\n]+/)
        .filter((item) => item !== '')
        .map((item) => simpleValue(type.item, item, scope))
    case 'union': {
      const numeric = type.members.find(
        (member) => typeof simpleValue(member, text, scope) !== 'string',
      )
      return numeric === undefined ? text : simpleValue(numeric, text, scope)
    }
    case 'atomic':
      return atomicValue(type, text, scope)
  }
}

function atomicValue(
  { base }: Atomic,
  text: string,
  scope: (prefix: string) => string | undefined,
): unknown {
  const trimmed = text.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '')
  switch (base) {
    case 'boolean':
      return trimmed === 'true' || trimmed === '1'
        ? true
        : trimmed === 'false' || trimmed === '0'
          ? false
          : trimmed
    case 'integer':
    case 'big-integer': {
      const number = Number(trimmed)
      return integer.test(trimmed) && Number.isSafeInteger(number) ? number : trimmed
    }
    case 'decimal':
      return decimal.test(trimmed) && trimmed.replaceAll(/\D/g, '').length <= 15
        ? Number(trimmed)
        : trimmed
    case 'float': {
      const number = Number(trimmed)
      return trimmed !== '' && Number.isFinite(number) ? number : trimmed
    }
    case 'base64':
      return trimmed.replaceAll(/[ \t\r\n]+/g, '')
    case 'hex':
      return trimmed
    case 'qname': {
      const at = trimmed.indexOf(':')
      const namespace = scope(at < 0 ? '' : trimmed.slice(0, at))
      return namespace === undefined || namespace === ''
        ? trimmed
        : `{${namespace}}${trimmed.slice(at + 1)}`
    }
    case 'string':
    case 'any':
      return text
  }
}
