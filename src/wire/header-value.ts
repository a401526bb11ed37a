/**
 * Values of `Mcp-Name` and `Mcp-Param-*`: text that is not plain visible ASCII travels as `=?base64?...?=`
 * (MCP 2026-07-28, basic/transports/streamable-http).
 */

const sentinel = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/
const plain = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/

/** The header form of a text. */
export function encodeHeaderValue(text: string): string {
  return plain.test(text) && !(text.startsWith('=?base64?') && text.endsWith('?='))
    ? text
    : `=?base64?${Buffer.from(text, 'utf8').toString('base64')}?=`
}

/** The text of a header value, or undefined when its encoding is broken. */
export function decodeHeaderValue(value: string): string | undefined {
  const trimmed = value.trim()
  if (!(trimmed.startsWith('=?base64?') && trimmed.endsWith('?='))) return trimmed
  const match = sentinel.exec(trimmed)
  // Padding is required, so that one text has one form.
  if (match?.[1] === undefined || match[1].length % 4 !== 0) return undefined
  const bytes = Buffer.from(match[1], 'base64')
  const text = bytes.toString('utf8')
  return Buffer.from(text, 'utf8').equals(bytes) ? text : undefined
}
