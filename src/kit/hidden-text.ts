/**
 * Characters that models read and people do not see: controls, all that shows nothing (Unicode, Default_Ignorable_Code_Point) but
 * joiners, marks of direction and the two selectors of emoji, anchors of annotations, overrides of direction.
 */
const hidden =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufff9-\ufffb\u202a-\u202e\u2066-\u2069\p{Default_Ignorable_Code_Point}]--[\u061c\u200c-\u200f\ufe0e\ufe0f]]/gv
/** Of these, what no text has a good use for, not even as a value. */
const smuggled = /[\u202a-\u202e\u2066-\u2069]|[\u{e0000}-\u{e007f}]/u

/** A text for people and models as it looks; tab and line end, joiners and marks of direction stay. */
export function withoutHidden(text: string): string {
  return text.replace(hidden, '')
}

/** Whether raw JSON holds tag characters or overrides of direction, as they are or escaped. */
export function smugglesText(raw: string): boolean {
  const plain = raw.includes('\\u')
    ? raw.replace(/\\(?:u([0-9a-fA-F]{4})|.)/g, (_all, hex?: string) =>
        hex === undefined ? '' : String.fromCharCode(Number.parseInt(hex, 16)),
      )
    : raw
  return smuggled.test(plain)
}
