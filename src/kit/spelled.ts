/** Characters that show nothing: zero-width ones, tags, controls of direction, fillers (Unicode, Default_Ignorable_Code_Point). */
const unseen = /\p{Default_Ignorable_Code_Point}/gu

/** One spelling of all that people, and some servers, take for the same name: compatibility forms, letter case, what shows nothing. */
export function spelled(text: string): string {
  if (/^[\x20-\x40\x5b-\x7e]*$/.test(text)) return text
  return text.replace(unseen, '').normalize('NFKC').toLowerCase().normalize('NFKC')
}
