/** What must not come back: APIs that echo a request, or name the token that they refuse, would hand it to a model. */
import { Lru } from '../kit/lru.ts'
import type { Credential, SchemeCredential } from '../model/credential.ts'
import { GatewayError } from '../model/refusal.ts'
import type { Stage } from './stages.ts'

const charsMin = 6
const charsMax = 32_768
/** Signs that have several spellings make an expression large; of secrets with more, only whole spellings are looked for. */
const spelledMax = 500
const mark = '[redacted]'
const secretName = /auth|cookie|key|token|secret|passw/i

/** The secrets of a credential, in the forms in which they are sent. */
export function secretsOfCredential(credential: Credential | SchemeCredential): readonly string[] {
  if ('bearer' in credential) return [credential.bearer]
  if ('header' in credential) return [credential.value]
  if ('basic' in credential) {
    const { username, password } = credential.basic
    return [password, Buffer.from(`${username}:${password}`).toString('base64')]
  }
  if ('query' in credential) return [credential.query.value]
  if ('cookie' in credential) return [credential.cookie.value]
  if ('oauth' in credential) return [credential.oauth.clientSecret]
  if ('awsSigV4' in credential) {
    const { secretAccessKey, sessionToken } = credential.awsSigV4
    return sessionToken === undefined ? [secretAccessKey] : [secretAccessKey, sessionToken]
  }
  if ('schemes' in credential) return Object.values(credential.schemes).flatMap(secretsOfCredential)
  return []
}

/** Secrets among headers, by the names that secrets go under; of `Bearer abc` also what follows the scheme. */
export function secretsOfHeaders(headers: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(headers)
    .filter(([name]) => secretName.test(name))
    .flatMap(([, value]) => secretsOfValue(value))
}

/** A secret, and of `Bearer abc` also what follows the scheme. */
export function secretsOfValue(value: string): readonly string[] {
  return [value, value.slice(value.indexOf(' ') + 1)]
}

/** Takes secrets out of what an API says, in every spelling that an echo gives them. */
export class Secrets {
  private readonly fixed: readonly string[]
  private readonly ofFixed: Pattern | undefined
  /** By the secrets of a call, which change rarely, e.g. with an access token. */
  private readonly patterns = new Lru<string, Pattern>({ countMax: 64 })

  /** `further`: secrets beside those of the credential that are the same in every call. */
  constructor(credential: Credential | undefined, further: readonly string[] = []) {
    const all = [
      ...(credential === undefined ? [] : secretsOfCredential(credential)),
      ...further.flatMap(parts),
    ]
    const known = new Set(all)
    this.fixed = all.filter((one) => !isSchemed(one, known))
    this.ofFixed = patternOf(this.fixed)
  }

  /** The bytes as they are when nothing is in them. `more` are those of one call. */
  clean(bytes: Buffer, more: readonly string[]): Buffer {
    const pattern = this.pattern(more)
    if (pattern === undefined || !pattern.canBeIn(bytes)) return bytes
    const text = bytes.toString('latin1')
    const cleaned = text.replace(pattern.regex, markFor)
    return cleaned === text ? bytes : Buffer.from(cleaned, 'latin1')
  }

  /** The same for bytes that come in pieces; undefined when there is nothing to look for. */
  stage(more: readonly string[]): Stage | undefined {
    const pattern = this.pattern(more)
    return pattern === undefined ? undefined : new SecretsStage(pattern)
  }

  cleanText(text: string, more: readonly string[]): string {
    return this.clean(Buffer.from(text), more).toString()
  }

  private pattern(more: readonly string[]): Pattern | undefined {
    if (more.length === 0) return this.ofFixed
    // `Bearer x` is clean without `x`.
    const all = new Set([...this.fixed, ...more])
    const least = more.filter(
      (one) => !this.fixed.includes(one) && isLong(one) && !isSchemed(one, all),
    )
    if (least.length === 0) return this.ofFixed
    const key = JSON.stringify(least)
    let pattern = this.patterns.get(key)
    if (pattern === undefined) {
      pattern = patternOf([...this.fixed, ...least])
      if (pattern !== undefined) this.patterns.set(key, pattern)
    }
    return pattern
  }
}

class SecretsStage implements Stage {
  private readonly pattern: Pattern
  private held: Buffer = Buffer.alloc(0)

  constructor(pattern: Pattern) {
    this.pattern = pattern
  }

  push(piece: Buffer): Buffer {
    const bytes = this.held.length === 0 ? piece : Buffer.concat([this.held, piece])
    return this.clean(bytes, Math.max(0, bytes.length - this.pattern.bytesMax + 1))
  }

  end(): Buffer {
    return this.clean(this.held, this.held.length)
  }

  /** Of what begins before `end`; the rest may be the beginning of a secret, and is held. */
  private clean(bytes: Buffer, end: number): Buffer {
    if (!this.pattern.canBeIn(bytes)) {
      this.held = Buffer.from(bytes.subarray(end))
      return bytes.subarray(0, end)
    }
    const text = bytes.toString('latin1')
    const parts: string[] = []
    let from = 0
    for (const match of text.matchAll(this.pattern.regex)) {
      if (match.index >= end) break
      parts.push(text.slice(from, match.index), markFor(match[0]))
      from = match.index + match[0].length
    }
    const until = Math.max(from, end)
    this.held = Buffer.from(bytes.subarray(until))
    return parts.length === 0
      ? bytes.subarray(0, until)
      : Buffer.from(parts.join('') + text.slice(from, until), 'latin1')
  }
}

interface Pattern {
  /** Over UTF-8 bytes that are read as latin1. */
  readonly regex: RegExp
  /** The longest that it can match. */
  readonly bytesMax: number
  /** A quick look, which finds most bytes clean: whether there is something of a secret that has one spelling only. */
  canBeIn(bytes: Buffer): boolean
}

/** Anchors that are shorter would be found by chance. */
const anchorCharsMin = 4

/** For each secret its longest run of letters and digits, which every spelling holds; undefined when some secret has none. */
function anchorsOf(secrets: readonly string[]): readonly Buffer[] | undefined {
  const longest = secrets.map((secret) =>
    (secret.match(/[A-Za-z0-9]+/g) ?? []).reduce((a, b) => (b.length > a.length ? b : a), ''),
  )
  return longest.every((run) => run.length >= anchorCharsMin)
    ? longest.map((run) => Buffer.from(run))
    : undefined
}

/** What stands for a secret. One that is a number may stand outside of strings, where JSON knows no words. */
function markFor(found: string): string {
  return /^[-+.eE]*\d[-+.\deE]*$/.test(found) ? '9'.repeat(found.length) : mark
}

/** One that is too long for an expression, as several. */
function parts(secret: string): readonly string[] {
  const pieces: string[] = []
  for (let from = 0; from < secret.length; from += charsMax)
    pieces.push(secret.slice(from, from + charsMax))
  return pieces
}

/** Whether it is a scheme of authentication before a secret that is looked for by itself. */
function isSchemed(text: string, secrets: ReadonlySet<string>): boolean {
  const rest = /^[A-Za-z]+ (.+)$/.exec(text)?.[1]
  return rest !== undefined && isLong(rest) && secrets.has(rest)
}

const isLong = (secret: string): boolean => secret.length >= charsMin

function patternOf(secrets: readonly string[]): Pattern | undefined {
  const fit = [...new Set(secrets)].filter(isLong)
  if (fit.length === 0) return undefined
  // The longest first: one may be a part of another.
  fit.sort((a, b) => b.length - a.length)
  // Above it V8 may refuse the expression, with the secret in its message.
  if (fit.some((secret) => secret.length > charsMax))
    throw new GatewayError('internal', { detail: `a secret has more than ${charsMax} characters` })
  const spelled = fit.flatMap(spellings)
  const lengths = spelled.map((signs) =>
    signs.reduce((sum, ways) => sum + Math.max(...ways.map(longestOf)), 0),
  )
  const anchors = anchorsOf(fit)
  return {
    canBeIn: (bytes) => anchors === undefined || anchors.some((anchor) => bytes.includes(anchor)),
    regex: new RegExp(spelled.map((signs) => signs.map(anyOf).join('')).join('|'), 'g'),
    bytesMax: Math.max(...lengths),
  }
}

/** A secret as its signs with their spellings; one that is too varied as a few whole texts. */
function spellings(secret: string): readonly (readonly (readonly string[])[])[] {
  const signs = [...secret].map(spellingsOf)
  if (signs.filter((ways) => ways.length > 1).length <= spelledMax) return [signs]
  const texts = [
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret.toWellFormed()),
  ]
  return [...new Set(texts)].map((text) => [[Buffer.from(text).toString('latin1')]])
}

/** What a template of a page makes of a sign (HTML, section 13.5). */
const entities: Readonly<Record<string, readonly string[]>> = {
  '&': ['&amp;', '&#38;', '&#x26;'],
  '<': ['&lt;', '&#60;', '&#x3C;'],
  '>': ['&gt;', '&#62;', '&#x3E;'],
  '"': ['&quot;', '&#34;', '&#x22;'],
  "'": ['&#39;', '&#x27;', '&apos;'],
  '+': ['&#43;', '&#x2B;'],
  '=': ['&#61;', '&#x3D;'],
  '/': ['&#47;', '&#x2F;'],
}

/** A sign as it is, in JSON (RFC 8259 section 7), in a URL (RFC 3986 section 2.1) and in a page. */
function spellingsOf(sign: string): readonly string[] {
  if (/^[A-Za-z0-9]$/.test(sign)) return [sign]
  const bytes = Buffer.from(sign)
  const plain = bytes.toString('latin1')
  const units = Array.from({ length: sign.length }, (_, at) => sign.charCodeAt(at))
  return [
    plain,
    ...('"\\/'.includes(sign) ? [`\\${sign}`] : []),
    ...(sign < ' ' ? [JSON.stringify(sign).slice(1, -1)] : []),
    ...(sign === ' ' ? ['+'] : []),
    units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join(''),
    [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
    ...(entities[sign] ?? []),
  ]
}

/** JSON within JSON within JSON doubles a backslash each time. */
const backslashesMax = 4
const longestOf = (way: string): number =>
  way.startsWith('\\') ? way.length + backslashesMax - 1 : way.length

/** One of these, the longest first, hexadecimal digits in either case. */
function anyOf(ways: readonly string[]): string {
  const [only] = ways
  if (ways.length === 1 && only !== undefined) return escaped(only)
  const longest = [...ways].sort((a, b) => b.length - a.length)
  return `(?:${longest.map(patternOfWay).join('|')})`
}

function patternOfWay(way: string): string {
  const isEscape = way.startsWith('\\') && way.length > 1
  const rest = escaped(isEscape ? way.slice(1) : way).replace(/[a-f]/gi, eitherCase)
  return isEscape ? `\\\\{1,${backslashesMax}}${rest}` : rest
}

const eitherCase = (letter: string): string => `[${letter.toLowerCase()}${letter.toUpperCase()}]`

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
