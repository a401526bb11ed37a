/** What must not come back: APIs that echo a request, or name the token that they refuse, would hand it to a model. */
import type { Credential, SchemeCredential } from '../../model/credential.ts'

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

  cleanText(text: string, more: readonly string[]): string {
    return this.clean(Buffer.from(text), more).toString()
  }
}

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
