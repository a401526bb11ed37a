/** Bytes of a document to its text. */

/** A declared encoding stands in the first bytes (XML 1.0, appendix F). */
const headBytes = 200

interface Text {
  readonly text: string
  readonly base64?: true
}

/** By its byte order mark, the XML declaration or the charset of its media type; else UTF-8. Other bytes become base64. */
export function textOf(bytes: Buffer, contentType: string | undefined): Text {
  const encoding = encodingOf(bytes, contentType)
  const text = decoded(bytes, encoding) ?? decoded(bytes, 'utf-8')
  return text === undefined || hasControl(text)
    ? { text: bytes.toString('base64'), base64: true }
    : { text }
}

function decoded(bytes: Buffer, encoding: string): string | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function encodingOf(bytes: Buffer, contentType: string | undefined): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le'
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be'
  const head = bytes.toString('latin1', 0, headBytes)
  const declared = /^(?:\xef\xbb\xbf)?<\?xml[^>]*\bencoding\s*=\s*["']([\w.:-]+)["']/.exec(
    head,
  )?.[1]
  const sent = /;\s*charset\s*=\s*"?([\w.:-]+)/i.exec(contentType ?? '')?.[1]
  return declared ?? sent ?? 'utf-8'
}

/** Text has none of these; what has is a descriptor set or the like. */
function hasControl(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return /[\u0000-\u0008\u000e-\u001a\u001c-\u001f]/.test(text)
}
