/** A server's command line or URL as people may see it: what could be a secret is masked. */
import type { ServerKind, ServerSpec, StdioSpec } from '../model/desired-state.ts'

const telling = /token|secret|password|passwd|credential|auth|api[-_]?key|private[-_]?key/i
const mask = '***'

type AddressedSpec = Pick<ServerSpec, ServerKind>

export function addressOf(spec: AddressedSpec): string {
  const { stdio, http, openapi, graphql, soap, grpc, asyncapi, sql } = spec
  if (stdio !== undefined) return commandLine(stdio)
  if (http !== undefined) return plainUrl(http.url)
  if (openapi !== undefined) return plainUrl(openapi.baseUrl ?? openapi.spec)
  if (graphql !== undefined) return plainUrl(graphql.url)
  if (soap !== undefined) return plainUrl(soap.endpoint ?? soap.wsdl)
  if (grpc !== undefined) return plainUrl(grpc.address)
  if (asyncapi !== undefined) return plainUrl(asyncapi.url ?? asyncapi.spec)
  return sql === undefined ? '' : plainUrl(sql.url)
}

function commandLine({ command, args }: Pick<StdioSpec, 'command' | 'args'>): string {
  const shown = args.map((arg, index) => {
    const before = args[index - 1] ?? ''
    if (/^--?\S+$/.test(before) && !before.includes('=') && telling.test(before)) return mask
    const at = arg.indexOf('=')
    if (at > 0 && telling.test(arg.slice(0, at))) return `${arg.slice(0, at + 1)}${mask}`
    return arg.replaceAll(moved, mask)
  })
  return [command, ...shown].join(' ')
}

/** Without user, password and the values of the query; what is a path or a reference is shown as it is. */
/** Where a secret was moved to says nothing to people. */
const moved = /^file:.*$|\$\{file:[^}]*\}/gs

function plainUrl(given: string): string {
  const url = given.replaceAll(moved, mask)
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(url)) return url.replace(/\?.*$/s, `?${mask}`)
  if (URL.canParse(url)) {
    const { protocol, host, pathname, search } = new URL(url)
    return `${protocol}//${host}${pathname}${search === '' ? '' : `?${mask}`}`
  }
  // The text may still hold references, or be broken, and must be masked all the same.
  const [address = '', query] = url.split(/[?#]/)
  const bare = address.replace(/^([a-z][a-z0-9+.-]*:\/\/)(?:.*@)?/is, '$1')
  return `${bare}${query === undefined ? '' : `?${mask}`}`
}
