import { hash } from 'node:crypto'

/** What a server's own name becomes on the endpoints that join several servers (design.md section 5). */
const nameMax = 64

const hashLength = 8

/** `<server>__<name>` with foreign characters as `_`; too long: cut, with a hash of the full name at the end. */
function publicName(server: string, name: string): string {
  const plain = `${server}__${name.replace(/[^A-Za-z0-9_-]/g, '_')}`
  return plain.length <= nameMax ? plain : hashedName(server, name)
}

/** The plain name with a hash of server and name at its end. */
function hashedName(server: string, name: string, length = hashLength): string {
  const plain = `${server}__${name.replace(/[^A-Za-z0-9_-]/g, '_')}`
  const digest = hash('sha256', `${server}/${name}`, 'hex').slice(0, length)
  return `${plain.slice(0, nameMax - length - 1)}_${digest}`
}

/**
 * Public names of all items of one kind, each different. Names that would be equal all get a hash, whatever their
 * order; what is made to look like a hashed name gets a longer one.
 */
export function publicNames<T extends { readonly server: string; readonly name: string }>(
  items: readonly T[],
): Map<T, string> {
  const names = new Map<T, string>()
  for (const item of items) names.set(item, publicName(item.server, item.name))
  for (const length of [hashLength, 2 * hashLength, 4 * hashLength]) {
    const same = sameNames(names)
    if (same.length === 0) break
    for (const item of same) names.set(item, hashedName(item.server, item.name, length))
  }
  return names
}

/** The items whose name another item has, too. */
function sameNames<T>(names: ReadonlyMap<T, string>): T[] {
  const counts = new Map<string, number>()
  for (const name of names.values()) counts.set(name, (counts.get(name) ?? 0) + 1)
  return [...names].filter(([, name]) => (counts.get(name) ?? 0) > 1).map(([item]) => item)
}

/** Scheme of MCP Apps: hosts look for it at the start, so a server's name goes behind it. */
const appScheme = 'ui://'

/** A server's URI as the endpoints that join several show it: `files+file:///a`, but `ui://files+view`. */
export function publicUri(server: string, uri: string): string {
  return uri.startsWith(appScheme)
    ? `${appScheme}${uriPrefix(server)}${uri.slice(appScheme.length)}`
    : uriPrefix(server) + uri
}

/** What stands before a server's URIs on the endpoints that join several: `files+file:///a` is `file:///a` of `files`. */
export function uriPrefix(server: string): string {
  return `${server}+`
}

/** Splits a public URI; undefined when it names no server. */
export function splitUri(uri: string): { server: string; uri: string } | undefined {
  const scheme = uri.startsWith(appScheme) ? appScheme : ''
  const plus = uri.indexOf('+', scheme.length)
  const server = plus > 0 ? uri.slice(scheme.length, plus) : ''
  return /^[a-z][a-z0-9-]{0,23}$/.test(server)
    ? { server, uri: scheme + uri.slice(plus + 1) }
    : undefined
}
