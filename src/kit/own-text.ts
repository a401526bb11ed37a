/**
 * A copy that stands alone. A part of a long text keeps all of it in memory, so what outlives its message is copied.
 * By UTF-16 units, so that lone surrogates stay what they are.
 */
export function ownText(text: string): string {
  return Buffer.from(text, 'utf16le').toString('utf16le')
}
