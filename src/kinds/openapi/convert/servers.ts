/** Where calls go: the nearest list of servers, with variables replaced and relative URLs resolved. */
import type { Dialect } from '../../document/dialect.ts'
import type { Documents } from '../../document/documents.ts'
import { isObject, memberOf, objectAt, textAt, textsAt } from '../../document/json.ts'
import { placeIn, type Spot } from '../../document/place.ts'
import type { Reporter } from '../../document/report.ts'

export interface ServersOptions {
  readonly dialect: Dialect
  /** Of the configuration; wins over the description. */
  readonly configured: string | undefined
  /** Of the configuration, too, e.g. a region. */
  readonly variables: Readonly<Record<string, string>>
  readonly reporter: Reporter
  readonly documents: Documents
}

const urlCharsMax = 2_000

/**
 * Absolute URL without a trailing slash, by the first list of servers that there is: operation, path, description
 * (OpenAPI 3.1 sections 4.8.10 and 4.8.5). Empty when none names a host.
 */
export function baseUrlOf(holders: readonly Spot[], root: Spot, options: ServersOptions): string {
  const { configured, dialect } = options
  if (configured !== undefined) return configured.replace(/\/+$/, '')
  if (dialect === '2.0') return swaggerUrl(root)
  for (const holder of holders) {
    const servers = options.documents.entries(holder, 'servers')
    if (servers.length === 0) continue
    for (const [, spot] of servers) {
      const server = options.documents.object(spot)
      const url =
        server.kind === 'found'
          ? serverUrl(server.spot.value, root.at.document, options.variables)
          : undefined
      if (url !== undefined) return url
    }
    options.reporter.note(
      'description_invalid',
      'None of the servers gives an absolute URL: say it with --base-url, or with openapi.baseUrl in a file.',
      placeIn(holder.at, 'servers'),
    )
    return ''
  }
  const found = absolute('/', root.at.document)
  if (found === undefined)
    options.reporter.note(
      'description_invalid',
      'The description names no server: say it with --base-url, or with openapi.baseUrl in a file.',
      placeIn(root.at, 'servers'),
    )
  return found ?? ''
}

function serverUrl(
  server: unknown,
  location: string,
  given: ServersOptions['variables'],
): string | undefined {
  const template = textAt(server, 'url')
  if (template === undefined || template.length > urlCharsMax) return undefined
  const variables = objectAt(server, 'variables')
  let missing = false
  const url = template.replaceAll(/\{([^{}]{1,100})\}/g, (whole, name: string) => {
    const variable = memberOf(variables, name)
    const value = textAt(given, name) ?? textAt(variable, 'default') ?? textsAt(variable, 'enum')[0]
    if (value === undefined) missing = true
    return value ?? whole
  })
  return missing ? undefined : absolute(url, location)
}

/** Against the location of the description (section 4.8.5); a file has no host to lend. */
function absolute(url: string, location: string): string | undefined {
  const base = /^https?:/.test(location) ? location : undefined
  const text = base === undefined && url.startsWith('//') ? `https:${url}` : url
  const parsed = URL.parse(text.trim(), base)
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) return undefined
  parsed.hash = ''
  parsed.search = ''
  // Credentials in a URL would end in reports.
  parsed.username = ''
  parsed.password = ''
  return parsed.href.replace(/\/+$/, '')
}

/** OpenAPI 2.0: schemes, host and basePath; what is missing comes from the location of the description. */
function swaggerUrl(root: Spot): string {
  const { value } = root
  const location = URL.parse(root.at.document)
  const isRemote = location !== null && /^https?:$/.test(location.protocol)
  const host = textAt(value, 'host') ?? (isRemote ? location.host : undefined)
  if (host === undefined || !isObject(value)) return ''
  const schemes = textsAt(value, 'schemes').filter((scheme) => /^https?$/.test(scheme))
  const fallback = isRemote ? location.protocol.slice(0, -1) : 'https'
  const scheme = schemes.includes('https') ? 'https' : (schemes[0] ?? fallback)
  const path = textAt(value, 'basePath') ?? '/'
  return (
    absolute(
      `${scheme}://${host.replace(/^https?:\/\//, '')}/${path.replace(/^\/+/, '')}`,
      root.at.document,
    ) ?? ''
  )
}
