/** WS-Security UsernameToken (OASIS UsernameToken Profile 1.0, section 3.1). */
import { createHash, randomBytes } from 'node:crypto'
import { escapeText } from '../../../kit/xml.ts'
import type { SoapSecurity } from '../../../model/kinds/soap.ts'

const base = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-'
const secext = `${base}wssecurity-secext-1.0.xsd`
const utility = `${base}wssecurity-utility-1.0.xsd`
const profile = `${base}username-token-profile-1.0`
const encoding = `${base}soap-message-security-1.0#Base64Binary`
const nonceBytes = 16

/** The `wsse:Security` header; `soap` is the prefix of the envelope. Each call has a nonce and a time of its own. */
export function securityHeader(
  { username, password, type }: SoapSecurity,
  soap: string,
  now: number,
): string {
  const nonce = randomBytes(nonceBytes)
  const created = new Date(now).toISOString()
  const shown =
    type === 'text'
      ? { kind: 'PasswordText', value: password }
      : {
          kind: 'PasswordDigest',
          // Password_Digest = Base64(SHA-1(nonce + created + password)).
          value: createHash('sha1').update(nonce).update(created).update(password).digest('base64'),
        }
  return (
    `<wsse:Security ${soap}:mustUnderstand="1" xmlns:wsse="${secext}" xmlns:wsu="${utility}"><wsse:UsernameToken>` +
    `<wsse:Username>${escapeText(username)}</wsse:Username>` +
    `<wsse:Password Type="${profile}#${shown.kind}">${escapeText(shown.value)}</wsse:Password>` +
    `<wsse:Nonce EncodingType="${encoding}">${nonce.toString('base64')}</wsse:Nonce>` +
    `<wsu:Created>${created}</wsu:Created></wsse:UsernameToken></wsse:Security>`
  )
}
