/** Required arguments that somebody who reads nothing but the tool cannot know, or need not choose. */
import { isSchema, type Schema } from '../round-trip.ts'

/** Credentials wherever they stand; names without case and punctuation. */
const certain =
  /^(x?apikey|apitoken|apisecret|accesskey|accesstoken|authtoken|xauthtoken|authorization|bearertoken|clientsecret|subscriptionkey|ocpapimsubscriptionkey|xamz[a-z0-9]+)$/
/** Credentials where a request is signed or opened with them: in its query, headers and cookies. */
const likely = /^(token|auth|secret|signature|sig|password|passwd|sessiontoken|jwt|license)$/
const described = /^[^.]{0,40}\b(api[ -]?key|access token|auth(entication|orization)? token)\b/i
const transport = /^(callback|alt|prettyprint|apiversion|xgafv)$/

export interface Asked {
  readonly inputSchema: Schema
  /** How deep arguments are looked into. */
  readonly depth: number
  /** Where an argument of the first level travels. */
  readonly placeOf: (argument: string) => string | undefined
}

/** Why the tool cannot be called by a stranger, or undefined. */
export function unknowable({ inputSchema, depth, placeOf }: Asked): string | undefined {
  const look = (given: unknown, level: number): string | undefined => {
    const schema = target(given, inputSchema)
    const properties = isSchema(schema['properties']) ? schema['properties'] : {}
    const required = Array.isArray(schema['required']) ? schema['required'] : []
    for (const name of required.filter((one) => typeof one === 'string')) {
      const property = target(properties[name], inputSchema)
      const plain = name.toLowerCase().replace(/[^a-z0-9]/g, '')
      const place = level === 0 ? placeOf(name) : undefined
      if (place === 'path') continue
      if (certain.test(plain)) return `asks for a credential: ${name}`
      const about = property['description']
      if (place !== undefined) {
        if (likely.test(plain) || (typeof about === 'string' && described.test(about)))
          return `asks for a credential: ${name}`
        if (transport.test(plain)) return `asks for a constant of the transport: ${name}`
      }
      const values = property['enum']
      if (
        level === 0 &&
        (property['const'] !== undefined || (Array.isArray(values) && values.length === 1))
      )
        return `asks for the only legal value: ${name}`
      const inner = level + 1 < depth ? look(property, level + 1) : undefined
      if (inner !== undefined) return inner
    }
    return undefined
  }
  return look(inputSchema, 0)
}

function target(given: unknown, root: Schema): Schema {
  if (!isSchema(given)) return {}
  const reference = given['$ref']
  const defs = root['$defs']
  if (typeof reference !== 'string' || !isSchema(defs)) return given
  const found = defs[reference.slice('#/$defs/'.length)]
  return isSchema(found) ? { ...found, ...given } : given
}
