/** Security schemes of servers and operations, in the form that requests are made with. No secret is in it. */
import type { RestSecurity } from '../../../model/kinds/openapi.ts'
import type { Documents } from '../../document/documents.ts'
import { isObject, listAt, memberOf, objectAt, textAt, textsAt } from '../../document/json.ts'
import { placeIn, type Spot } from '../../document/place.ts'
import type { Reporter } from '../../document/report.ts'
import type { Version } from './operation.ts'

export class Security {
  private readonly schemes = new Map<string, RestSecurity>()
  private readonly documents: Documents
  private readonly reporter: Reporter
  private readonly version: Version

  constructor(documents: Documents, reporter: Reporter, version: Version) {
    this.documents = documents
    this.reporter = reporter
    this.version = version
  }

  common(): Readonly<Record<string, RestSecurity>> {
    return Object.fromEntries(this.schemes)
  }

  /** Alternatives: what the operation wants, else the server. */
  of(operation: Spot, server: Spot | undefined): readonly (readonly string[])[] {
    const holder = Array.isArray(memberOf(operation.value, 'security')) ? operation : server
    if (holder === undefined) return []
    const at = placeIn(holder.at, 'security')
    return listAt(holder.value, 'security').flatMap((value, index) => {
      const spot = { value, at: placeIn(at, String(index)) }
      return this.version === 3 ? this.scheme(spot) : this.requirement(spot)
    })
  }

  /** Version 2: names of schemes with scopes, as in OpenAPI. */
  private requirement({ value, at }: Spot): readonly (readonly string[])[] {
    if (!isObject(value)) return []
    const schemes = objectAt(objectAt(this.documents.root.value, 'components'), 'securitySchemes')
    const place = placeIn(placeIn(this.documents.root.at, 'components'), 'securitySchemes')
    const names = Object.keys(value)
    for (const name of names) {
      const scheme = memberOf(schemes, name)
      if (scheme === undefined)
        this.reporter.note('reference_unresolved', `No security scheme is called ${name}.`, at)
      else this.keep(name, { value: scheme, at: placeIn(place, name) }, textsAt(value, name))
    }
    return [names.filter((name) => this.schemes.has(name))]
  }

  /** Version 3: the scheme itself, most often by reference; it is called as the reference calls it. */
  private scheme(spot: Spot): readonly (readonly string[])[] {
    const reference = textAt(spot.value, '$ref')
    const name = reference?.slice(reference.lastIndexOf('/') + 1) ?? `security ${spot.at.key}`
    this.keep(name, spot, textsAt(spot.value, 'scopes'))
    return this.schemes.has(name) ? [[name]] : []
  }

  private keep(name: string, raw: Spot, scopes: readonly string[]): void {
    const found = this.documents.target(raw)
    if (found.kind === 'lost') {
      this.reporter.note(found.code, found.reason, raw.at)
      return
    }
    const { value, at } = found.spot
    const scheme = schemeOf(value, scopes)
    this.schemes.set(name, scheme)
    if (scheme.kind === 'other')
      this.reporter.note(
        'feature_unsupported',
        `Signing in by ${scheme.what} is not yet supported; a token that you already have can be configured as bearer.`,
        at,
      )
  }
}

/** AsyncAPI, Security Scheme Object. */
function schemeOf(value: unknown, scopes: readonly string[]): RestSecurity {
  const type = textAt(value, 'type')?.toLowerCase()
  const scheme = textAt(value, 'scheme')?.toLowerCase()
  const where = textAt(value, 'in')?.toLowerCase()
  const name = textAt(value, 'name')
  if (type === 'userpassword' || (type === 'http' && scheme === 'basic')) return { kind: 'basic' }
  if (type === 'http' && scheme === 'bearer') return { kind: 'bearer' }
  if (type === 'x509') return { kind: 'mutualTls' }
  if (
    type === 'httpapikey' &&
    name !== undefined &&
    (where === 'header' || where === 'query' || where === 'cookie')
  )
    return { kind: 'apiKey', in: where, name }
  const tokenUrl = textAt(objectAt(objectAt(value, 'flows'), 'clientCredentials'), 'tokenUrl')
  if (type === 'oauth2' && tokenUrl !== undefined && /^https?:/.test(tokenUrl))
    return { kind: 'clientCredentials', tokenUrl, scopes }
  return {
    kind: 'other',
    what: `${type ?? 'an unnamed scheme'}${where === undefined ? '' : ` in ${where}`}`.slice(0, 60),
  }
}
