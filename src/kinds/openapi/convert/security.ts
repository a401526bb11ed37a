/** Security schemes and requirements of a description; secrets are none of it. */
import { awsPlaces, type CredentialPlace } from '../../../model/credential.ts'
import type { RestSecurity } from '../../../model/kinds/openapi.ts'
import type { Dialect } from '../../document/dialect.ts'
import type { Documents } from '../../document/documents.ts'
import {
  isObject,
  type JsonDraft,
  memberOf,
  objectAt,
  setMember,
  textAt,
  textsAt,
} from '../../document/json.ts'
import { placeIn, type Spot } from '../../document/place.ts'
import type { Reporter } from '../../document/report.ts'

const alternativesMax = 50

export class Security {
  private readonly schemes = new Map<string, RestSecurity>()
  /** Scopes that operations asked for, by scheme. */
  private readonly scopes = new Map<string, Set<string>>()
  private readonly reporter: Reporter
  private readonly awsService: string | undefined

  constructor(documents: Documents, dialect: Dialect, reporter: Reporter) {
    this.reporter = reporter
    const { root } = documents
    this.awsService = textAt(documents.member(root, 'info')?.value, 'x-aws-signingName')
    const holder = dialect === '2.0' ? root : documents.member(root, 'components')
    const key = dialect === '2.0' ? 'securityDefinitions' : 'securitySchemes'
    for (const [name, spot] of holder === undefined ? [] : documents.entries(holder, key)) {
      const found = documents.object(spot)
      if (found.kind === 'lost') this.other(name, 'a reference that leads nowhere', spot)
      else this.read(name, found.spot, root.at.document)
    }
  }

  /** Which parts of a request the schemes of the description fill. */
  get places(): readonly CredentialPlace[] {
    return [...this.schemes.values()].flatMap((scheme) =>
      scheme.kind === 'awsSigV4'
        ? awsPlaces
        : scheme.kind === 'apiKey'
          ? [{ in: scheme.in, name: scheme.name }]
          : [],
    )
  }

  /** All schemes, with the scopes that the operations asked for. */
  common(): Readonly<Record<string, RestSecurity>> {
    const result: JsonDraft & Record<string, RestSecurity> = {}
    for (const [name, scheme] of this.schemes) {
      const scopes = [...(this.scopes.get(name) ?? [])].sort()
      setMember(result, name, scheme.kind === 'clientCredentials' ? { ...scheme, scopes } : scheme)
    }
    return result
  }

  /** Alternatives of an operation, else of the description. */
  of(operation: Spot, root: Spot): readonly (readonly string[])[] {
    const own = memberOf(operation.value, 'security')
    const holder = Array.isArray(own) ? operation : root
    const list = memberOf(holder.value, 'security')
    if (!Array.isArray(list)) return []
    // An operation that takes the description's requirement back needs none.
    if (list.length === 0 && holder === operation) return [[]]
    const alternatives: string[][] = []
    for (const [index, entry] of list.slice(0, alternativesMax).entries()) {
      if (!isObject(entry)) continue
      const at = placeIn(placeIn(holder.at, 'security'), String(index))
      const names = Object.keys(entry)
      const known = names.filter((name) => this.schemes.has(name))
      for (const name of names)
        if (!this.schemes.has(name))
          this.reporter.note(
            'reference_unresolved',
            `No security scheme is called ${JSON.stringify(name.slice(0, 60))}.`,
            at,
          )
      for (const name of known) this.addScopes(name, textsAt(entry, name))
      if (known.length === names.length) alternatives.push(known)
    }
    return alternatives
  }

  private addScopes(name: string, scopes: readonly string[]): void {
    const known = this.scopes.get(name) ?? new Set()
    for (const scope of scopes) known.add(scope)
    this.scopes.set(name, known)
  }

  private read(name: string, spot: Spot, location: string): void {
    const { value } = spot
    const type = textAt(value, 'type')?.toLowerCase()
    const scheme = textAt(value, 'scheme')?.toLowerCase()
    if (type === 'basic' || (type === 'http' && scheme === 'basic'))
      this.schemes.set(name, { kind: 'basic' })
    else if (type === 'http' && scheme === 'bearer') this.schemes.set(name, { kind: 'bearer' })
    else if (type === 'mutualtls') this.schemes.set(name, { kind: 'mutualTls' })
    else if (/^awssigv4$/i.test(textAt(value, 'x-amazon-apigateway-authtype') ?? ''))
      this.schemes.set(name, { kind: 'awsSigV4', service: this.awsService })
    else if (type === 'apikey') this.apiKey(name, spot)
    else if (type === 'oauth2') this.oauth(name, spot, location)
    else if (type === 'openidconnect') this.other(name, 'OpenID Connect', spot)
    else
      this.other(name, scheme === undefined ? `type ${type ?? 'missing'}` : `HTTP ${scheme}`, spot)
  }

  private apiKey(name: string, spot: Spot): void {
    const wire = textAt(spot.value, 'name')
    const where = textAt(spot.value, 'in')?.toLowerCase()
    if (wire !== undefined && (where === 'header' || where === 'query' || where === 'cookie'))
      this.schemes.set(name, { kind: 'apiKey', in: where, name: wire })
    else this.other(name, 'an API key without a name or a place', spot)
  }

  private oauth(name: string, spot: Spot, location: string): void {
    const flows = objectAt(spot.value, 'flows')
    const flow = textAt(spot.value, 'flow')
    const machine =
      objectAt(flows, 'clientCredentials') ?? (flow === 'application' ? spot.value : undefined)
    const url = textAt(machine, 'tokenUrl')
    const tokenUrl =
      url === undefined ? null : URL.parse(url, /^https?:/.test(location) ? location : undefined)
    if (tokenUrl !== null && /^https?:$/.test(tokenUrl.protocol)) {
      this.schemes.set(name, { kind: 'clientCredentials', tokenUrl: tokenUrl.href, scopes: [] })
      return
    }
    const known = flows === undefined ? flow : Object.keys(flows).slice(0, 4).join(', ')
    this.other(name, `OAuth 2.0 with a user (${known ?? 'no flow'})`, spot)
  }

  private other(name: string, what: string, spot: Spot): void {
    this.schemes.set(name, { kind: 'other', what })
    this.reporter.note(
      'feature_unsupported',
      `Signing in by ${what} is not yet supported; a token that you already have can be configured as bearer.`,
      spot.at,
    )
  }
}
