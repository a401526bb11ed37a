/**
 * What servers may read when they are given a URI. Some parse it as browsers do (WHATWG URL), some normalise it (RFC 3986
 * section 6.2.2), some decode it and take it for a path; what is judged must hold for each of them.
 */
import { spelled } from './spelled.ts'

const roundsMax = 4
const plainForm = /^[a-z][a-z0-9+.-]*:(?:[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+$/
const dotSegment = /(?:^|[/:?#])\.{1,2}(?:$|[/?#;])/
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const unreadable = /[\u0000-\u001f\u007f-\u009f\ufffd]/

/**
 * Whether a URI has nothing that parsers are known to take away or to resolve: only characters of RFC 3986, a scheme in
 * small letters, and no dot segment, control character or broken UTF-8 in any encoding.
 */
export function isPlainUri(uri: string): boolean {
  if (!plainForm.test(uri)) return false
  const text = decoded(uri)?.normalize('NFKC')
  return text !== undefined && !unreadable.test(text) && !dotSegment.test(slashes(text))
}

/**
 * The paths that servers may take a URI for: without escapes, user, port, dot segments and what is empty, with query and
 * parameters and without. Undefined: it is encoded more often than is looked into.
 */
export function uriReadings(uri: string): readonly string[] | undefined {
  const parsed = URL.parse(uri)?.href
  const readings = new Set<string>()
  for (const text of parsed === undefined || parsed === uri ? [uri] : [uri, parsed]) {
    const whole = reading(text)
    const bare = reading(text.replace(/[?#].*$/s, '').replace(/;[^/]*/g, ''))
    if (whole === undefined || bare === undefined) return undefined
    readings.add(whole)
    readings.add(bare)
    readings.add(path(whole.replace(/[?#].*$/s, '').replace(/;[^/]*/g, '')))
  }
  return [...readings]
}

/** The same of a pattern, in which `*` stays what it is: whole, and without query and parameters. */
export function patternReadings(pattern: string): readonly string[] {
  const whole = reading(pattern) ?? pattern
  const bare = whole
    .replace(/[?#].*$/s, (rest) => (rest.includes('*') ? '*' : ''))
    .replace(/;[^/*]*/g, '')
  return bare === whole ? [whole] : [whole, bare]
}

/** A reading in the one spelling of all that a server may hold for the same, whether slashes follow the scheme or not. */
export function foldedReading(text: string): string {
  return path(spelled(text).replace(/^([^/:?#]+:)(?!\/)/, '$1/')).replace(/(?<=[^/])\/$/, '')
}

function reading(uri: string): string | undefined {
  const text = decoded(bareAuthority(slashes(uri)))
  return text === undefined ? undefined : path(bareAuthority(slashes(text)))
}

function slashes(text: string): string {
  return text.replaceAll('\\', '/')
}

/** Without escapes, also escaped ones; undefined when there are more layers than anybody means. */
function decoded(text: string): string | undefined {
  let now = text
  for (let round = 0; round < roundsMax; round++) {
    if (!/%[0-9a-f]{2}/i.test(now)) return now
    now = now.replace(/(?:%[0-9a-f]{2})+/gi, (run) =>
      Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'),
    )
  }
  return /%[0-9a-f]{2}/i.test(now) ? undefined : now
}

/**
 * Scheme and host in small letters, without user and port; of a file without the host, which many servers do not look at.
 * In a pattern, `*` and what follows it stays.
 */
function bareAuthority(text: string): string {
  const [, scheme, marks, authority, rest] = /^([^:/?#]+:)(\/\/)?([^/?#]*)(.*)$/s.exec(text) ?? []
  if (scheme === undefined || authority === undefined || rest === undefined) return text
  if (marks === undefined) return `${small(scheme)}${authority}${rest}`
  const host = authority
    .slice(authority.lastIndexOf('@') + 1)
    .replace(/:(?:\d*|(\d*\*))$/, (_all, star?: string) => (star === undefined ? '' : '*'))
  const isOfFile = small(scheme) === 'file:' && !host.includes('*')
  return `${small(scheme)}${marks}${isOfFile ? '' : small(host)}${rest}`
}

function small(text: string): string {
  const star = text.indexOf('*')
  return star < 0 ? text.toLowerCase() : text.slice(0, star).toLowerCase() + text.slice(star)
}

/** Without what a path loses on its way: empty segments, dot segments, blanks around a name and dots at its end. */
function path(text: string): string {
  const [first = '', ...segments] = text.split('/')
  const kept: string[] = []
  for (const [at, segment] of segments.entries()) {
    if (segment.trim() === '..') kept.pop()
    const name = segment.replace(/[.\s]+$/, '').trimStart()
    if (name !== '') kept.push(name)
    else if (at === segments.length - 1) kept.push('')
  }
  return [first, ...kept].join('/')
}
