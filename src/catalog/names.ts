import { hash } from 'node:crypto'

/** What a server's own name becomes on the endpoints that join several servers (design.md section 5). */
const nameMax = 64

const hashLength = 8

/** `<server>__<name>` with foreign characters as `_`; too long: cut, with a hash of the full name at the end. */
export function publicName(server: string, name: string): string {
  const plain = `${server}__${name.replace(/[^A-Za-z0-9_-]/g, '_')}`
  return plain.length <= nameMax ? plain : hashedName(server, name)
}

/** The form that no other name can take: used for all names that would collide, whatever their order. */
export function hashedName(server: string, name: string): string {
  const plain = `${server}__${name.replace(/[^A-Za-z0-9_-]/g, '_')}`
  const digest = hash('sha256', `${server}/${name}`, 'hex').slice(0, hashLength)
  return `${plain.slice(0, nameMax - hashLength - 1)}_${digest}`
}

/** Public names of all items of one kind; two that would be equal both get a hash. */
export function publicNames<T extends { readonly server: string; readonly name: string }>(
  items: readonly T[],
): Map<T, string> {
  const byName = new Map<string, T[]>()
  for (const item of items) {
    const name = publicName(item.server, item.name)
    const same = byName.get(name)
    if (same === undefined) byName.set(name, [item])
    else same.push(item)
  }
  const names = new Map<T, string>()
  for (const [name, same] of byName) {
    for (const item of same)
      names.set(item, same.length === 1 ? name : hashedName(item.server, item.name))
  }
  return names
}

/** What stands before a server's URIs on the endpoints that join several: `files+file:///a` is `file:///a` of `files`. */
export function uriPrefix(server: string): string {
  return `${server}+`
}

/** Splits a public URI; undefined when it names no server. */
export function splitUri(uri: string): { server: string; uri: string } | undefined {
  const plus = uri.indexOf('+')
  const server = plus > 0 ? uri.slice(0, plus) : ''
  return /^[a-z][a-z0-9-]{0,23}$/.test(server) ? { server, uri: uri.slice(plus + 1) } : undefined
}
