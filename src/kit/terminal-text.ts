/** Servers choose names and texts: what would move a cursor, or the eye, must not reach a terminal. */
const acting =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]|[\u{e0000}-\u{e007f}]/gu

/** The text without control characters (tab and line end stay), marks of direction and tag characters. */
export function terminalText(text: string): string {
  return text.replace(acting, '')
}
