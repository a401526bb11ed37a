/** Finds secrets that stand in a server's spec as they are, instead of as references. */
import { serverKinds } from '../model/desired-state.ts'

const telling =
  /authorization|cookie|token|secret|password|passwd|pwd|credential|api[-_]?key|access[-_]?key|private[-_]?key|signature|(^|[-_.])(auth|key|sig|pass|pat|jwt|sas)$/i

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
        add(path, value, telling.test(path.at(-1) ?? '') ? behindScheme : spansIn)
    for (const [path, value] of texts(server, [kind])) add(path, value, spansIn)
    const args = at(server, [kind, 'args'])
    if (Array.isArray(args))
      for (const [index, value] of args.entries())
        add([kind, 'args', String(index)], value, isNamed(args[index - 1]) ? wholeOf : spansIn)
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
  // From the end of each text to its start, so that places stay.
  for (const secret of plainSecretsOf(server).sort((a, b) => b.start - a.start)) {
    const { path, start, end } = secret
    const key = path.at(-1) ?? ''
    const holder = at(copy, path.slice(0, -1))
    const value = at(holder, [key])
    if (typeof value !== 'string' || typeof holder !== 'object' || holder === null) continue
    const reference = referenceOf(secret, value.slice(start, end))
    Object.assign(holder, { [key]: `${value.slice(0, start)}${reference}${value.slice(end)}` })
  }
  return copy
}

/** Whether a name says that what it names is a secret. */
export function isTelling(name: string): boolean {
  return telling.test(name)
}

/** A text of any kind with a mask in the place of each secret that can be told. */
export function maskedText(text: string, mask: string): string {
  return spansIn(text)
    .toSorted(([a], [b]) => b - a)
    .reduce((masked, [start, end]) => masked.slice(0, start) + mask + masked.slice(end), text)
}

const wholeOf = (text: string): Spans => [[0, text.length]]

/** What a header or variable holds, without the name of its scheme. */
const behindScheme = (text: string): Spans => [
  [/^(?:bearer|basic|token)\s+/i.exec(text)?.[0].length ?? 0, text.length],
]

/** `--token`, whose value is the next argument. */
function isNamed(before: unknown): boolean {
  return typeof before === 'string' && /^--?[^=\s]+$/.test(before) && telling.test(before)
}

/** Secrets within a text of any kind. */
function spansIn(given: string): Spans {
  // What stands in a reference is no text of ours.
  const text = given.replaceAll(/\$\{[^}]*\}/g, (found) => '\0'.repeat(found.length))
  const spans: [number, number][] = []
  const take = (start: number, end: number): void => {
    if (spans.every(([from, to]) => end <= from || start >= to)) spans.push([start, end])
  }
  for (const match of text.matchAll(address)) {
    const user = match.groups?.['user']
    const begin = match.index + (match[1]?.length ?? 0)
    if (user === undefined) continue
    const colon = user.indexOf(':')
    // A user alone is a token at an HTTP address, and a name at that of a database.
    if (colon >= 0) take(begin + colon + 1, begin + user.length)
    else if (/^https?:/i.test(match[0])) take(begin, begin + user.length)
  }
  for (const match of text.matchAll(parameter)) {
    const [whole, name = '', value = ''] = match
    const end = match.index + whole.length
    if (telling.test(name)) take(end - value.length, end)
  }
  for (const match of text.matchAll(header)) {
    const [whole, value = ''] = match
    take(match.index + whole.length - value.length, match.index + whole.length)
  }
  for (const match of text.matchAll(word)) {
    const [token] = match
    if (looksSecret(token)) take(match.index, match.index + token.length)
  }
  return spans
}

/** User info of an address; a password may hold an `@`. */
const address = /([a-z][a-z0-9+.-]{0,31}:\/\/)(?<user>[^\s/?#]+)@/gi
/** `name=value`, alone or in a query. */
const parameter = /(?<![^\s?&;#-])-{0,2}([\w.-]{1,64})=([^&;#\s]+)/g
/** `Authorization: Bearer value` in one text; looked for at the beginning of words alone, so that long ones take linear time. */
const header =
  /(?<![\w-])[\w-]*(?:authorization|cookie|token|key|secret):\s*(?:(?:bearer|basic|token)\s+)?(\S.*)$/gi
const word = /[A-Za-z0-9_+-]{16,4096}(?:\.[A-Za-z0-9_-]{8,4096}){0,2}/g
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
