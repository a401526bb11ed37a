/** Bytes of XML to text (XML 1.0 appendix F; RFC 7303 section 3): byte order mark, media type, declaration, UTF-8. */
const declarationBytes = 200

export function decodeText(bytes: Buffer, contentType: string): string {
  const named = /charset\s*=\s*"?([A-Za-z0-9_.:-]{1,40})/i.exec(contentType)?.[1]
  const declared = /^<\?xml[^>]*encoding\s*=\s*["']([A-Za-z0-9_.:-]{1,40})/.exec(
    bytes.subarray(0, declarationBytes).toString('latin1'),
  )?.[1]
  return new TextDecoder(markOf(bytes) ?? known(named) ?? known(declared) ?? 'utf-8').decode(bytes)
}

function markOf(bytes: Buffer): string | undefined {
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be'
  return bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : undefined
}

function known(label: string | undefined): string | undefined {
  if (label === undefined) return undefined
  try {
    return new TextDecoder(label).encoding
  } catch {
    return undefined
  }
}
