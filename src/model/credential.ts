/** What the gateway presents to a server. In the configuration each value is best a reference; resolved, it is plain. */
import { z } from 'zod'

export const secret = z.string().describe('A value, or a reference: $' + '{ENV_NAME} or file:PATH')
export const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'an HTTP header name')

const tlsSpec = z
  .strictObject({
    ca: secret.optional().describe('PEM of the authorities to trust instead of the public ones'),
    cert: secret.optional().describe('PEM of the certificate to present'),
    key: secret.optional().describe('PEM of its private key'),
  })
  .refine(({ cert, key }) => (cert === undefined) === (key === undefined), {
    message: 'cert and key go together',
  })
  .describe('Certificates of the connection')

const tls = tlsSpec.optional()
const pair = z.strictObject({ name: z.string().min(1), value: secret })

/** One way to show who calls; `tls` goes with each of them. */
const ways = {
  bearer: { bearer: secret },
  header: { header: headerName, value: secret },
  basic: {
    basic: z
      .strictObject({ username: secret, password: secret })
      .describe('HTTP basic, or a WS-Security UsernameToken'),
  },
  query: { query: pair.describe('A parameter of the query') },
  cookie: { cookie: pair.describe('A cookie') },
  oauth: {
    oauth: z
      .strictObject({
        clientId: secret,
        clientSecret: secret,
        tokenUrl: z
          .string()
          .min(1)
          .optional()
          .describe('Default: the token URL of the description'),
        scopes: z.array(z.string()).optional().describe('Default: those that the operation needs'),
      })
      .describe('OAuth 2.0 client credentials'),
  },
  awsSigV4: {
    awsSigV4: z
      .strictObject({
        accessKeyId: secret,
        secretAccessKey: secret,
        sessionToken: secret.optional().describe('Of temporary credentials'),
        region: z
          .string()
          .regex(/^[a-z0-9-]+$/, 'a region such as eu-west-1')
          .optional()
          .describe('Default: that of the address'),
        service: z
          .string()
          .regex(/^[a-z0-9-]+$/, 'a service such as s3')
          .optional()
          .describe('Default: what the description or the address says'),
      })
      .describe('AWS Signature Version 4: each request is signed'),
  },
  tls: { tls: tlsSpec },
}

const schemeSpec = z.union([
  z.strictObject(ways.bearer),
  z.strictObject(ways.header),
  z.strictObject(ways.basic),
  z.strictObject(ways.query),
  z.strictObject(ways.cookie),
  z.strictObject(ways.oauth),
  z.strictObject(ways.awsSigV4),
  z.strictObject(ways.tls),
])

export const credentialSpec = z.union([
  z.strictObject({ ...ways.bearer, tls }),
  z.strictObject({ ...ways.header, tls }),
  z.strictObject({ ...ways.basic, tls }),
  z.strictObject({ ...ways.query, tls }),
  z.strictObject({ ...ways.cookie, tls }),
  z.strictObject({ ...ways.oauth, tls }),
  z.strictObject({ ...ways.awsSigV4, tls }),
  z.strictObject(ways.tls),
  z.strictObject({
    schemes: z
      .record(z.string(), schemeSpec)
      .describe('One credential for each security scheme, by its name in the description'),
    tls,
  }),
])

/** One way to show who calls. */
export type SchemeCredential = z.infer<typeof schemeSpec>
export type Credential = z.infer<typeof credentialSpec>
export type TlsCredential = z.infer<typeof tlsSpec>

/** A part of a request that a credential fills. */
export interface CredentialPlace {
  readonly in: 'header' | 'query' | 'cookie'
  readonly name: string
}

/** What a signature of AWS adds to a request, in headers or in the query. */
export const awsPlaces: readonly CredentialPlace[] = [
  ...['Algorithm', 'Content-Sha256', 'Credential', 'Date', 'Expires', 'Security-Token'],
  ...['Signature', 'SignedHeaders'],
].flatMap((part) => [
  { in: 'header', name: `X-Amz-${part}` },
  { in: 'query', name: `X-Amz-${part}` },
])

/** Whether a part of a request is one of the places. Names of headers have no case. */
export function isFilled(
  places: readonly CredentialPlace[],
  { in: where, name }: { readonly in: string; readonly name: string },
): boolean {
  const plain = (text: string): string => (where === 'header' ? text.toLowerCase() : text)
  return places.some((place) => place.in === where && plain(place.name) === plain(name))
}

/** Which parts of a request a credential fills. */
export function placesOf(credential: Credential | SchemeCredential): readonly CredentialPlace[] {
  if ('schemes' in credential) return Object.values(credential.schemes).flatMap(placesOf)
  if ('header' in credential) return [{ in: 'header', name: credential.header }]
  if ('query' in credential) return [{ in: 'query', name: credential.query.name }]
  if ('cookie' in credential) return [{ in: 'cookie', name: credential.cookie.name }]
  if ('awsSigV4' in credential) return awsPlaces
  return 'tls' in credential && Object.keys(credential).length === 1
    ? []
    : [{ in: 'header', name: 'authorization' }]
}

/** The headers of a credential that is nothing but headers; undefined for one that needs more than that. */
export function headersOf(
  credential: Credential | SchemeCredential,
): Readonly<Record<string, string>> | undefined {
  if ('bearer' in credential) return { authorization: `Bearer ${credential.bearer}` }
  if ('header' in credential) return { [credential.header.toLowerCase()]: credential.value }
  if ('basic' in credential) {
    // RFC 7617 section 2: user-id and password as UTF-8.
    const { username, password } = credential.basic
    return {
      authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`,
    }
  }
  if ('cookie' in credential)
    return { cookie: `${credential.cookie.name}=${credential.cookie.value}` }
  return undefined
}
