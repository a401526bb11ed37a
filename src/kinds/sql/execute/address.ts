import { GatewayError } from '../../../model/refusal.ts'
import type { EngineOptions } from './engine.ts'

/** Where and as whom to connect. */
export interface DatabaseAddress {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
  readonly tls:
    | {
        readonly verify: boolean
        readonly ca?: string
        readonly cert?: string
        readonly key?: string
      }
    | undefined
}

const onThisMachine = /^(localhost|127(?:\.\d{1,3}){3}|::1)$/

/** The scheme of a database's URL, lower case; empty when it is none. Says nothing of the rest, which holds secrets. */
export function schemeOf(url: string): string {
  return /^([a-z][a-z0-9+]*):/i.exec(url)?.[1]?.toLowerCase() ?? ''
}

function parsed(text: string): URL {
  const url = URL.parse(text)
  // The text itself is a secret.
  if (url === null || url.hostname === '')
    throw new GatewayError('server_unavailable', {
      detail:
        'the address of the database is no URL with a host, e.g. postgres://user:password@host:5432/name',
    })
  return url
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** @throws GatewayError server_unavailable for an address that is none */
export function addressOf(
  { spec, credential }: Pick<EngineOptions, 'spec' | 'credential'>,
  defaults: { readonly port: number; readonly user: string },
): DatabaseAddress {
  const url = parsed(spec.url)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const basic = credential !== undefined && 'basic' in credential ? credential.basic : undefined
  const user = decoded(url.username) || basic?.username || defaults.user
  return {
    host,
    port: url.port === '' ? defaults.port : Number(url.port),
    user,
    password: decoded(url.password) || basic?.password || '',
    database: decoded(url.pathname.slice(1)),
    tls: tlsOf(
      spec.tls ?? saidInUrl(url) ?? (onThisMachine.test(host) ? 'off' : 'verify'),
      credential,
    ),
  }
}

function tlsOf(
  mode: 'verify' | 'unverified' | 'off',
  credential: EngineOptions['credential'],
): DatabaseAddress['tls'] {
  if (mode === 'off') return undefined
  const { ca, cert, key } = credential?.tls ?? {}
  return {
    verify: mode === 'verify',
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  }
}

/** `sslmode` of libpq and `ssl-mode` of MySQL; what only prefers TLS would fall back in silence, so it is not had. */
function saidInUrl(url: URL): 'verify' | 'unverified' | 'off' | undefined {
  const mode = url.searchParams.get('sslmode') ?? url.searchParams.get('ssl-mode')
  switch (mode?.toLowerCase().replace('_', '-')) {
    case 'disable':
    case 'disabled':
      return 'off'
    case 'require':
    case 'required':
      return 'unverified'
    case 'verify-ca':
    case 'verify-full':
    case 'verify-identity':
      return 'verify'
    default:
      return undefined
  }
}
