/** What in a recorded request is a secret, or may be one. When in doubt it is: a value left out costs an example. */
import { snake } from '../../../../kit/snake.ts'

const secretWords = new Set([
  ...[
    'token',
    'tokens',
    'secret',
    'password',
    'passwd',
    'pwd',
    'passphrase',
    'apikey',
    'signature',
  ],
  ...[
    'sig',
    'session',
    'sessionid',
    'sid',
    'jwt',
    'credential',
    'credentials',
    'auth',
    'authorization',
  ],
  ...['csrf', 'xsrf', 'otp', 'pin', 'accesstoken', 'bearer', 'sso', 'assertion', 'nonce'],
])
const keyOwners = new Set([
  'api',
  'access',
  'subscription',
  'private',
  'app',
  'auth',
  'client',
  'secret',
])
/** `page_token` and its like lead to the next page. */
const pagingWords = new Set([
  'page',
  'next',
  'continuation',
  'cursor',
  'sync',
  'prev',
  'previous',
  'start',
])

export function isSecretName(name: string): boolean {
  const words = snake(name).split('_')
  if (words.some((word) => pagingWords.has(word))) return false
  return words.some(
    (word, index) =>
      secretWords.has(word) || (word === 'key' && keyOwners.has(words[index - 1] ?? '')),
  )
}

/** Long and random: a key, a signed token, an id that names a person's session. */
export function looksSecret(value: string): boolean {
  if (
    /^(?:ey[A-Za-z0-9_-]{10}|sk[-_]|pk[-_]|gh[a-z]_|xox|AKIA|AIza|glpat-|SG\.|Bearer |Basic )/.test(
      value,
    )
  )
    return true
  return /^[A-Za-z0-9+/=_\-.:~%]{20,}$/.test(value) && /\d/.test(value) && /[A-Za-z]/.test(value)
}

/** A segment of a path that names one thing of many: a number, a uuid, or anything that may be a key. */
export function isIdentifier(segment: string): boolean {
  return (
    /^\d+$/.test(segment) ||
    /^[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}$/i.test(segment) ||
    /^[0-9a-f]{12,}$/i.test(segment) ||
    (/^[A-Z0-9]{8,}$/.test(segment) && /\d/.test(segment)) ||
    (/^[\w\-.~%:@=+]{12,}$/.test(segment) &&
      /\d/.test(segment) &&
      /[a-z]/i.test(segment) &&
      !/^v\d/.test(segment)) ||
    /^[^@\s]+@[^@\s]+$/.test(segment) ||
    /^bot\d+:/.test(segment)
  )
}
