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

/** How the endpoints that join several servers call an item. */
export interface PublicName<T> {
  readonly plain: string
  /** Of an item beside others that would have the same plain name; nobody else has it. */
  readonly hashed: string
  /** Those others. Which of the two names is shown depends on whether the caller sees one of them. */
  readonly twins: readonly T[]
}

/** Public names of all items of one kind, whatever their order. What looks like a hashed name makes that one longer. */
export function publicNames<T extends { readonly server: string; readonly name: string }>(
  items: readonly T[],
): Map<T, PublicName<T>> {
  const byPlain = new Map<string, T[]>()
  for (const item of items) {
    const plain = publicName(item.server, item.name)
    const same = byPlain.get(plain)
    if (same === undefined) byPlain.set(plain, [item])
    else same.push(item)
  }
  const names = new Map<T, PublicName<T>>()
  for (const [plain, same] of byPlain)
    for (const item of same) {
      const lengths = [hashLength, 2 * hashLength, 4 * hashLength]
      const forms = lengths.map((length) => hashedName(item.server, item.name, length))
      const hashed = same.length === 1 ? plain : forms.find((form) => !byPlain.has(form))
      names.set(item, {
        plain,
        hashed: hashed ?? hashedName(item.server, item.name, 6 * hashLength),
        twins: same.filter((other) => other !== item),
      })
    }
  return names
}

/** The name that is shown to a caller who sees `sees`: nothing tells of what it does not see. */
export function shownAs<T>(name: PublicName<T>, sees: (twin: T) => boolean): string {
  return name.twins.some(sees) ? name.hashed : name.plain
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
