/** An escape of a printable ASCII character, which could spell a letter of a name. */
const spelled = /\\u00[2-7]/

/**
 * Whether JSON may hold a member or a text of this name, before anybody pays for a look: `false` is certain, `true` is not.
 * Names may be spelled with escapes, so no other search of the text may decide anything.
 */
export function mayName(json: string | Buffer, name: string): boolean {
  if (json.includes(`"${name}"`)) return true
  if (name.includes('/') && json.includes('\\/')) return true
  if (!json.includes('\\u00')) return false
  return spelled.test(typeof json === 'string' ? json : json.toString('latin1'))
}
