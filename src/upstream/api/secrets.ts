/** What must not come back: APIs that echo a request, or name the token that they refuse, would hand it to a model. */
import type { Credential, SchemeCredential } from '../../model/credential.ts'
import type { Stage } from './stages.ts'

const charsMin = 6
const mark = '[redacted]'
const secretName = /auth|cookie|key|token|secret|passw/i

function ofCredential(credential: Credential | SchemeCredential): readonly string[] {
  if ('bearer' in credential) return [credential.bearer]
  if ('header' in credential) return [credential.value]
  if ('basic' in credential) {
    const { username, password } = credential.basic
    return [password, Buffer.from(`${username}:${password}`).toString('base64')]
  }
  if ('query' in credential) return [credential.query.value]
  if ('cookie' in credential) return [credential.cookie.value]
  if ('oauth' in credential) return [credential.oauth.clientSecret]
  if ('schemes' in credential) return Object.values(credential.schemes).flatMap(ofCredential)
  return []
}

/** Secrets among headers, by the names that secrets go under; of `Bearer abc` also what follows the scheme. */
export function secretsOfHeaders(headers: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(headers)
    .filter(([name]) => secretName.test(name))
    .flatMap(([, value]) => [value, value.slice(value.indexOf(' ') + 1)])
}

/** Takes secrets out of what an API says. */
export class Secrets {
  private readonly fixed: readonly string[]

  constructor(credential: Credential | undefined) {
    this.fixed = spellings(credential === undefined ? [] : ofCredential(credential))
  }

  /** The bytes as they are when nothing is in them. `more` are those of one call. */
  clean(bytes: Buffer, more: readonly string[]): Buffer {
    const found = [...this.fixed, ...spellings(more)].filter((secret) => bytes.includes(secret))
    if (found.length === 0) return bytes
    // The longest first: one may be a part of another.
    found.sort((a, b) => b.length - a.length)
    let text = bytes.toString('latin1')
    for (const secret of found) text = text.replaceAll(Buffer.from(secret).toString('latin1'), mark)
    return Buffer.from(text, 'latin1')
  }

  /** The same for bytes that come in pieces; undefined when there is nothing to look for. */
  stage(more: readonly string[]): Stage | undefined {
    const secrets = [...new Set([...this.fixed, ...spellings(more)])]
    return secrets.length === 0 ? undefined : new SecretsStage(secrets)
  }

  cleanText(text: string, more: readonly string[]): string {
    return this.clean(Buffer.from(text), more).toString()
  }
}

class SecretsStage implements Stage {
  private readonly pattern: RegExp
  private readonly bytesMax: number
  private held: Buffer = Buffer.alloc(0)

  constructor(secrets: readonly string[]) {
    const texts = secrets.map((secret) => Buffer.from(secret).toString('latin1'))
    // The longest first: one may be a part of another.
    texts.sort((a, b) => b.length - a.length)
    this.bytesMax = texts[0]?.length ?? 0
    this.pattern = new RegExp(texts.map(escaped).join('|'), 'g')
  }

  push(piece: Buffer): Buffer {
    const bytes = this.held.length === 0 ? piece : Buffer.concat([this.held, piece])
    return this.clean(bytes, Math.max(0, bytes.length - this.bytesMax + 1))
  }

  end(): Buffer {
    return this.clean(this.held, this.held.length)
  }

  /** Of what begins before `end`; the rest may be the beginning of a secret, and is held. */
  private clean(bytes: Buffer, end: number): Buffer {
    const text = bytes.toString('latin1')
    const parts: string[] = []
    let from = 0
    for (const match of text.matchAll(this.pattern)) {
      if (match.index >= end) break
      parts.push(text.slice(from, match.index), mark)
      from = match.index + match[0].length
    }
    const until = Math.max(from, end)
    this.held = Buffer.from(bytes.subarray(until))
    return parts.length === 0
      ? bytes.subarray(0, until)
      : Buffer.from(parts.join('') + text.slice(from, until), 'latin1')
  }
}

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')

/** As it is, in JSON and in a URL. */
function spellings(secrets: readonly string[]): string[] {
  return [
    ...new Set(
      secrets
        .filter((secret) => secret.length >= charsMin)
        .flatMap((secret) => [
          secret,
          JSON.stringify(secret).slice(1, -1),
          encodeURIComponent(secret.toWellFormed()),
        ]),
    ),
  ]
}
