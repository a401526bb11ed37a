/** Finds secrets that stand in a server's spec as they are, instead of as references. */
import { serverKinds } from '../model/desired-state.ts'

const telling =
  /authorization|cookie|token|secret|password|passwd|credential|api[-_]?key|private[-_]?key/i

/** Members of a credential that are no secret. */
const open: ReadonlySet<string> = new Set([
  'header',
  'name',
  'username',
  'clientId',
  'tokenUrl',
  'scopes',
])

type Path = readonly string[]

/**
 * Paths of credentials, of variables and headers with a telling name, and of database addresses with a password, that
 * hold no reference.
 */
export function plainSecretPaths(server: unknown): Path[] {
  const kinds = serverKinds.flatMap((kind): [Path, unknown][] => [
    ...texts(server, [kind, 'env']),
    ...texts(server, [kind, 'headers']),
    // The UsernameToken of SOAP.
    ...texts(server, [kind, 'security']),
  ])
  const url = at(server, ['sql', 'url'])
  const candidates = [
    ...secretsBelow(at(server, ['credential']), ['credential']),
    ...kinds.filter(([path]) => telling.test(path.at(-1) ?? '')),
    ...(typeof url === 'string' && hasPassword(url) ? [[['sql', 'url'], url] as const] : []),
  ]
  return candidates
    .filter(([, value]) => typeof value === 'string' && !isReference(value))
    .map(([path]) => path)
}

/** The same as dotted paths, for people. */
export function plainSecrets(server: unknown): string[] {
  return plainSecretPaths(server).map((path) => path.join('.'))
}

function secretsBelow(value: unknown, path: Path): [Path, unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[path, value]]
  // Schemes are named by a description, whatever the name.
  const isNamed = path.at(-1) === 'schemes'
  return Object.entries(value)
    .filter(([name]) => isNamed || !open.has(name))
    .flatMap(([name, member]) => secretsBelow(member, [...path, name]))
}

function texts(server: unknown, path: Path): [Path, unknown][] {
  const holder = at(server, path)
  if (typeof holder !== 'object' || holder === null) return []
  return Object.entries(holder).map(([name, value]) => [[...path, name], value])
}

function at(value: unknown, path: Path): unknown {
  let found = value
  for (const step of path) {
    if (typeof found !== 'object' || found === null) return undefined
    found = Object.getOwnPropertyDescriptor(found, step)?.value
  }
  return found
}

/** `user:password@` of an address. */
function hasPassword(url: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\/[^/@]*:[^/@]+@/i.test(url)
}

function isReference(value: string): boolean {
  return value.startsWith('file:') || /(?<!\$)\$\{/.test(value)
}
