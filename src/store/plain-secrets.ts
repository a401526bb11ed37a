/** Finds secrets that stand in a server's spec as they are, instead of as references. */
import { userInfoEnd } from '../kit/plain-address.ts'
import { isTelling } from '../kit/telling.ts'
import { serverKinds } from '../model/desired-state.ts'

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

/** A secret in a text: all of it, or a part between two places. */
export interface PlainSecret {
  readonly path: Path
  readonly start: number
  readonly end: number
  readonly whole: boolean
}

/** None overlaps another. */
type Spans = readonly (readonly [start: number, end: number])[]

/**
 * Credentials; variables and headers with a telling name; user info and telling parameters of addresses, wherever they
 * stand; arguments of a command behind or beside a telling name; and whatever looks like a token. References are none.
 */
export function plainSecretsOf(server: unknown): PlainSecret[] {
  const found = new Map<string, PlainSecret>()
  const add = (path: Path, value: unknown, spansOf: (text: string) => Spans): void => {
    if (typeof value !== 'string' || value.startsWith('file:')) return
    for (const [start, end] of spansOf(value)) {
      if (start === end || isReference(value.slice(start, end))) continue
      const whole = start === 0 && end === value.length
      found.set([...path, start].join('\0'), { path, start, end, whole })
    }
  }
  for (const [path, value] of secretsBelow(at(server, ['credential']), ['credential']))
    add(path, value, wholeOf)
  for (const kind of serverKinds) {
    // `security` is the UsernameToken of SOAP.
    for (const member of ['env', 'headers', 'security'])
      for (const [path, value] of texts(server, [kind, member]))
        add(path, value, isTelling(path.at(-1) ?? '') ? behindScheme : spansIn)
    for (const [path, value] of texts(server, [kind])) add(path, value, spansIn)
    const args = at(server, [kind, 'args'])
    if (Array.isArray(args))
      for (const [index, value] of args.entries())
        add([kind, 'args', String(index)], value, spansBehind(args[index - 1]))
  }
  return [...found.values()]
}

/** Their places as dotted paths, for people. */
export function plainSecrets(server: unknown): string[] {
  return [...new Set(plainSecretsOf(server).map(({ path }) => path.join('.')))]
}

/**
 * A copy with a reference in the place of each secret. `referenceOf` is asked once for each.
 */
export function withReferences(
  server: unknown,
  referenceOf: (secret: PlainSecret, value: string) => string,
): unknown {
  const copy: unknown = structuredClone(server)
  for (const secrets of Map.groupBy(plainSecretsOf(server), pathKey).values()) {
    const [{ path } = { path: [] }] = secrets
    const key = path.at(-1) ?? ''
    const holder = at(copy, path.slice(0, -1))
    const value = at(holder, [key])
    if (typeof value !== 'string' || typeof holder !== 'object' || holder === null) continue
    Object.assign(holder, { [key]: replaced(value, secrets, referenceOf) })
  }
  return copy
}

/** A text of any kind with a mask in the place of each secret that can be told. */
export function maskedText(text: string, mask: string): string {
  return replaced(
    text,
    spansIn(text).map(([start, end]) => ({ start, end })),
    () => mask,
  )
}

/** From the end of the text to its start; each piece is copied once. */
function replaced<T extends Pick<PlainSecret, 'start' | 'end'>>(
  text: string,
  secrets: readonly T[],
  by: (secret: T, value: string) => string,
): string {
  const pieces: string[] = []
  let rest = text.length
  for (const secret of secrets.toSorted((a, b) => b.start - a.start)) {
    pieces.push(text.slice(secret.end, rest), by(secret, text.slice(secret.start, secret.end)))
    rest = secret.start
  }
  return text.slice(0, rest) + pieces.reverse().join('')
}

function pathKey({ path }: PlainSecret): string {
  return path.join('\0')
}

const wholeOf = (text: string): Spans => [[0, text.length]]

/** What a header or variable holds, without the name of its scheme. */
const behindScheme = (text: string): Spans => [
  [/^(?:bearer|basic|token)\s+/i.exec(text)?.[0].length ?? 0, text.length],
]

/** `--token`, `Authorization:` or `Bearer`, whose value is the next argument; behind `-u` the password of `user:password`. */
function spansBehind(before: unknown): (text: string) => Spans {
  if (typeof before !== 'string') return spansIn
  if (/^(?:bearer|basic)$/i.test(before)) return wholeOf
  const [name = ''] = /^(?:--?[^=\s]+|[\w-]+:)$/.exec(before) ?? []
  if (isTelling(name.replace(/:$/, ''))) return behindScheme
  if (!/^(?:-u|--user|--proxy-user)$/.test(name)) return spansIn
  return (text) => {
    // Numbers are a user and a group.
    const colon = /^\d+:\d+$|:\/\/|\s/.test(text) ? -1 : text.indexOf(':')
    return colon > 0 ? [[colon + 1, text.length]] : spansIn(text)
  }
}

/** Secrets within a text of any kind. */
function spansIn(given: string): Spans {
  // What stands in a reference is no text of ours.
  const text = given.replaceAll(/\$\{[^}]*\}/g, (found) => '\0'.repeat(found.length))
  const spans: [number, number][] = []
  const taken = new Uint8Array(text.length)
  const take = (start: number, end: number): void => {
    if (taken.subarray(start, end).includes(1)) return
    taken.fill(1, start, end)
    spans.push([start, end])
  }
  for (const [start, end] of userInfos(text)) take(start, end)
  for (const pattern of [key, pair, parameter, header, option, presented])
    for (const match of text.matchAll(pattern)) {
      const { name, first, value, bare } = match.groups ?? {}
      const places = match.indices?.groups
      const [start, end] = places?.['value'] ?? places?.['bare'] ?? [0, 0]
      const named = name ?? first
      if (named === undefined ? isPresented(match[0], value ?? bare ?? '') : isTelling(named))
        take(start, end)
    }
  for (const match of text.matchAll(word)) {
    const [token] = match
    if (looksSecret(token)) take(match.index, match.index + token.length)
  }
  return spans
}

/** Passwords, and users that are tokens, in the addresses of a text. */
function userInfos(text: string): Spans {
  return [...text.matchAll(/\S+/g)].flatMap(({ 0: word, index }): Spans => {
    const at = word.indexOf('://')
    if (at < 1) return []
    const isWeb = /https?$/i.test(word.slice(Math.max(0, at - 5), at))
    const rest = word.slice(at + 3)
    // What can be a port of a web server is one here: what works must not be taken apart.
    const isPort = isWeb && /^[\w.-]+(?::\d{1,5})?[/?#]/.test(rest)
    const end = isPort ? 0 : (userInfoEnd(rest) ?? rest.lastIndexOf('@') + 1)
    if (end === 0) return []
    const start = index + at + 3
    const colon = rest.slice(0, end).indexOf(':')
    // A user alone is a token at an HTTP address, and a name at that of a database.
    if (colon >= 0) return [[start + colon + 1, start + end - 1]]
    return isWeb ? [[start, start + end - 1]] : []
  })
}

/** A private key with its armour. */
const key = /(?<name>-----BEGIN[A-Z ]{0,40}PRIVATE KEY-----)(?<value>[^-]*)/dg
/** `"name": "value"`. */
const pair = /["'](?<name>[\w.-]{1,64})["']\s{0,8}:\s{0,8}(?:"(?<value>[^"]*)"|(?<bare>\d+))/dg
/** `name=value`, alone or in a query. */
const parameter =
  /(?<![^\s?&;#"'-])-{0,2}(?<name>[\w.-]{1,64})=(?:["'](?<value>(?<=")[^"]*(?=")|(?<=')[^']*(?='))["']|(?<bare>[^&;#\s]+))/dg
/** `Authorization: Bearer value` in one text; looked for at the beginning of words alone, so that long ones take linear time. */
const header =
  /(?<![\w-])(?:(?<name>[\w-]*(?:authorization|cookie|token|key|secret))|(?<=^[ \t"']{0,8})(?<first>[\w.-]{1,64})):[ \t]*(?:(?:bearer|basic|token)\s+)?(?<value>[^\s"{[][^\n"]*)/dgim
/** `--token value` in one text. */
const option =
  /(?<!\S)--?(?<name>[\w-]{1,64})[ ]{1,8}(?<value>(?!-)[^\s"']+|(?<=\s)"[^"]*"|'[^']*')/dg
/** `Bearer value`, `Basic value`. */
const presented = /(?<![\w-])(?:bearer|basic)[ ]{1,8}(?<value>[^\s"',;]{6,})/dgi
/** Of any length: what is cut off a long token is a secret as well. */
const word = /[A-Za-z0-9_+-]{16,}(?:\.[A-Za-z0-9_-]{8,}){0,2}/g

/** Whether it is no sentence, as "basic functions" is the beginning of one. */
function isPresented(text: string, value: string): boolean {
  if (/^basic/i.test(text)) return Buffer.from(value, 'base64').includes(':') && !/:/.test(value)
  return !/^[a-z]+[.]?$/.test(value)
}

const prefixes =
  /^(?:sk-|sk_|rk_|pk_live|gh[opsur]_|github_pat_|glpat-|xox[a-z]-|AKIA|ASIA|AIza|ya29|npm_|pypi-|hf_|dop_v1_|shpat_|sp_|eyJ[A-Za-z0-9_-]+\.)/

/** Known beginnings of tokens, and long words that nobody would choose: letters and digits mixed, without parts. */
function looksSecret(token: string): boolean {
  if (prefixes.test(token)) return true
  if (token.length < 32 || !/^[A-Za-z0-9]+$/.test(token)) return false
  // Letters between digits, found in one look: a pattern with two gaps takes cubic time.
  const digits = token.slice(token.search(/\d/)).replace(/\D+$/, '')
  return /\d/.test(token) && /[A-Za-z]/.test(digits) && new Set(token).size >= 10
}

function secretsBelow(value: unknown, path: Path): [Path, unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[path, value]]
  // Schemes are named by a description, whatever the name.
  const isNamedByOthers = path.at(-1) === 'schemes'
  return Object.entries(value)
    .filter(([name]) => isNamedByOthers || !open.has(name))
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

/** Whether a reference stands in it: what is added around one, such as `Bearer `, is no secret. */
function isReference(value: string): boolean {
  return value.startsWith('file:') || /(?<!\$)\$\{/.test(value)
}
