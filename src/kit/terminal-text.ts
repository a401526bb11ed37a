/** Servers choose names and texts: what would move a cursor, or the eye, must not reach a terminal. */
const acting =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]|[\u{e0000}-\u{e007f}]/gu

/** The text without control characters (tab and line end stay), marks of direction and tag characters. */
export function terminalText(text: string): string {
  return text.replace(acting, '')
}

/** `terminalText` on one line: what follows a line end, or a tab, must not pass for a line or a column of its own. */
export function terminalLine(text: string): string {
  return terminalText(text.replace(/[\t\n\v\f\r\u0085\u2028\u2029]+/g, ' '))
}

/** What cannot be taken for anything but one value. */
const word = /^[\w./:@*+-]+$/

/**
 * A value among others on one line: a plain word as it is, else in quotes with escapes, so that it ends where it ends
 * and shows all that is in it.
 */
export function terminalValue(value: unknown): string {
  const isText = typeof value === 'string'
  if (isText ? word.test(value) : typeof value !== 'object') return String(value)
  return JSON.stringify(value).replace(unshown, (found) => {
    const units = Array.from({ length: found.length }, (_, at) => found.charCodeAt(at))
    return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')
  })
}

/** What JSON leaves as it is, and a terminal or a reader of lines would not. */
const unshown = new RegExp(`${acting.source}|[\u2028\u2029]`, 'gu')
