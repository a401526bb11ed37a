/** Addresses as people may see them. */
export const mask = '***'

/** Where a secret was moved to says nothing to people. */
export const movedSecret = /^file:.*$|\$\{file:[^}]*\}/gs

/** Without user, password and the values of the query; what is a path or a reference is shown as it is. */
export function plainAddress(given: string): string {
  const url = given.replaceAll(movedSecret, mask)
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(url)) return url.replace(/\?.*$/s, `?${mask}`)
  if (URL.canParse(url)) {
    const { protocol, host, pathname, search } = new URL(url)
    return `${protocol}//${host}${pathname}${search === '' ? '' : `?${mask}`}`
  }
  // The text may still hold references, or be broken, and must be masked all the same.
  const [address = '', query] = url.split(/[?#]/)
  const bare = address.replace(/^([a-z][a-z0-9+.-]*:\/\/)(?:.*@)?/is, '$1')
  return `${bare}${query === undefined ? '' : `?${mask}`}`
}
