/** One key of a JSON pointer (RFC 6901 section 3) from what it names. */
export function pointerKey(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1')
}

/** What a key of a JSON pointer names (RFC 6901 section 4). */
export function namedBy(pointerPart: string): string {
  return pointerPart.replaceAll('~1', '/').replaceAll('~0', '~')
}
