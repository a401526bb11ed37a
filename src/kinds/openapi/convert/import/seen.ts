/** Requests that were seen somewhere (a Postman collection, a HAR file, a curl line), without their secrets. */
import type { JsonObject } from '../../../document/json.ts'

export interface SeenValue {
  readonly name: string
  readonly schema: JsonObject
  readonly description: string | undefined
}

/** How a request showed who sends it; never the credential itself. */
export type SeenAuth =
  | { readonly kind: 'basic' }
  | { readonly kind: 'bearer' }
  | { readonly kind: 'apiKey'; readonly in: 'header' | 'query' | 'cookie'; readonly name: string }
  | { readonly kind: 'mutualTls' }
  | { readonly kind: 'other'; readonly what: string }

export interface SeenBody {
  readonly mediaType: string
  readonly schema: JsonObject
  /** Types of the parts of a form, as the Encoding Objects of OpenAPI. */
  readonly encoding?: JsonObject
}

export interface SeenRequest {
  /** Where it stands, as a pointer or a line. */
  readonly place: string
  readonly method: string
  /** `https://host[:port][/base]`; undefined when the source does not say. */
  readonly origin: string | undefined
  /** With `{name}` for what varies. */
  readonly path: string
  readonly pathValues: readonly SeenValue[]
  readonly query: readonly SeenValue[]
  readonly headers: readonly SeenValue[]
  readonly auth: readonly SeenAuth[]
  readonly body: SeenBody | undefined
  /** Of a successful answer. */
  readonly answer: SeenBody | undefined
  readonly name: string | undefined
  readonly description: string | undefined
}

export interface ImportNote {
  readonly code: 'credential_left_out' | 'feature_unsupported' | 'description_invalid' | 'duplicate'
  readonly reason: string
  readonly place: string
}

export interface Seen {
  readonly title: string
  readonly version: string
  readonly description: string | undefined
  readonly requests: readonly SeenRequest[]
  readonly notes: readonly ImportNote[]
}
