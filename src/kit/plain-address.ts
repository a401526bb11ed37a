/** Addresses as people may see them: what is known to be harmless is shown, and no more. */
export const mask = '***'

/** Where a secret was moved to says nothing to people. */
export const movedSecret = /^file:.*$|\$\{file:[^}]*\}/gs

const scheme = /^[a-z][a-z0-9+.-]{0,31}:\/\//i
/** User info that holds nothing but references. */
const referred = /^(?:[^\s/?#@:]*:)?(?:\$\{[^}]*\}|\*{3}|:)+@/

export function isAddress(text: string): boolean {
  return scheme.test(text)
}

/** Without user, password and the values of the query, and without what looks like a token in the path. */
export function plainAddress(given: string): string {
  const url = given.replaceAll(movedSecret, mask)
  const [start = ''] = scheme.exec(url) ?? []
  const rest = url.slice(start.length).replace(referred, '')
  const from = userInfoEnd(rest)
  if (from === undefined) return `${start}${mask}`
  // Without a scheme the text before an `@` is a part of a name, as in `@scope/x`, unless it holds a colon.
  const bare = start !== '' || rest.slice(0, from).includes(':') ? rest.slice(from) : rest
  const cut = bare.search(/[?#]/)
  const path = cut < 0 ? bare : bare.slice(0, cut)
  return `${start}${plainPath(path)}${cut < 0 ? '' : `?${mask}`}`
}

/**
 * Where the user info of what follows the scheme ends: 0 when there is none, undefined when it cannot be told. A
 * password may hold every character that ends an authority, so the last `@` counts and not the first `/`, unless what
 * stands before is a host.
 */
export function userInfoEnd(rest: string): number | undefined {
  const last = rest.lastIndexOf('@')
  const end = rest.search(/[/?#]/)
  if (last < 0 || end < 0 || last < end) return last + 1
  const authority = rest.slice(0, end)
  const isNamed = /^(?:[\w-]+(?:\.[\w-]+)+|localhost|\[[\da-f:.]+\])$/i.test(authority)
  const isScope = /^[\w.-]+(?::\d{1,5})?$/.test(authority) && !/[^/]@/.test(rest)
  if (isNamed || (isScope && (!authority.includes(':') || authority.includes('.')))) return 0
  return /[?#]/.test(rest.slice(0, last)) ? undefined : last + 1
}

/** A path, a host or a word: its parts are shown that somebody would choose, and the others masked. */
export function plainPath(text: string): string {
  return text
    .split(/([/\\])/)
    .map((part) => (isHarmless(part) ? part : mask))
    .join('')
}

const parts = /[-_.~:,@*{}()|]+/
const letters =
  /^(?:\p{Lu}?\p{Ll}{1,24}|\p{Lu}?\p{Ll}{2,24}(?:\p{Lu}\p{Ll}{2,24}){1,3}|\p{Ll}{3,24}\p{Lu}\p{Ll}{1,24}|\p{Lu}{1,12}|\p{Lo}{1,40})\d{0,3}$/u

/** What people name things: letters as words have them, few digits, references; nothing that looks drawn by lot. */
export function isHarmless(text: string): boolean {
  if (text.length > 200 || /[^/\\]@/.test(text.replace(/@[\d.^~]{1,12}$|@latest$/, '')))
    return false
  const words = text.replaceAll(/\$\{\w+\}|\*{3}/g, '').split(parts)
  let mixed = 0
  for (const word of words) {
    if (word === '' || word === '/' || word === '\\' || /^\d{1,5}$/.test(word)) continue
    if (letters.test(word)) continue
    if (!/^[A-Za-z\d]{1,3}$/.test(word) || ++mixed > 1) return false
  }
  return true
}
