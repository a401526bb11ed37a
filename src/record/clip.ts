/** An escaped character of UTF-16 takes so many bytes at most. */
const escapedBytesMax = 6

/** The text, cut where it would take more bytes in the journal, escapes included. */
export function clippedTo(bytesMax: number, text: string): string {
  if (text.length * escapedBytesMax <= bytesMax) return text
  let bytes = 0
  let end = 0
  for (const character of text) {
    bytes += Buffer.byteLength(JSON.stringify(character)) - 2
    if (bytes > bytesMax) return `${text.slice(0, end)}…`
    end += character.length
  }
  return text
}
