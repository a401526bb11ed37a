import { z } from 'zod'
import { address, headersSpec, location, rootSpec, selectionSpec } from './selection.ts'

export const openapiSpec = z
  .strictObject({
    spec: location.describe('File or URL of the description'),
    root: rootSpec,
    baseUrl: address('http', 'https')
      .optional()
      .describe('Where to send calls; default: the first server of the description'),
    headers: headersSpec,
    operations: selectionSpec.prefault({}),
  })
  .describe('A REST API with an OpenAPI or Swagger description')

export type OpenApiSpec = z.infer<typeof openapiSpec>

/** How one argument travels (OpenAPI 3.1 section 4.8.12, Parameter Object). */
export interface RestParameter {
  /** Name of the argument in `inputSchema`. */
  readonly argument: string
  /** Name on the wire. */
  readonly name: string
  readonly in: 'path' | 'query' | 'header' | 'cookie'
  readonly style:
    | 'simple'
    | 'label'
    | 'matrix'
    | 'form'
    | 'spaceDelimited'
    | 'pipeDelimited'
    | 'deepObject'
    /** OpenAPI 2.0 `collectionFormat: tsv`. */
    | 'tabDelimited'
  readonly explode: boolean
  readonly allowReserved: boolean
  /** Serialised as this media type instead of by style. */
  readonly mediaType: string | undefined
  /** OpenAPI 2.0 `collectionFormat` of lists within the list, outermost first. */
  readonly inner?: readonly RestParameter['style'][]
}

/** How a schema is written as XML (OpenAPI XML Object), only where it differs from the plain way. */
export interface XmlShape {
  readonly name?: string
  readonly namespace?: string
  readonly prefix?: string
  readonly attribute?: boolean
  readonly wrapped?: boolean
  readonly properties?: Readonly<Record<string, XmlShape>>
  readonly items?: XmlShape
}

/** One part of a form or multipart body (OpenAPI Encoding Object). */
export interface RestPart {
  /** Name of the property and of the part. */
  readonly name: string
  /** Of a file a list of types and ranges, e.g. `image/png, image/*`: the caller says which of them it is. */
  readonly mediaType: string | undefined
  /** `content`: no style is named, so that a text travels as it is and an object as its media type, or JSON. */
  readonly style: RestParameter['style'] | 'content'
  readonly explode: boolean
  /** A file: the argument is `{data: base64, mediaType?, fileName?}` or text. */
  readonly file: boolean
  /** How it is written where its media type is XML. */
  readonly xml?: XmlShape
  readonly xmlRoot?: string
}

export interface RestBody {
  /** The argument that holds the whole body, or the arguments that are its properties: argument by wire name. */
  readonly from:
    | { readonly kind: 'argument'; readonly argument: string }
    | { readonly kind: 'arguments'; readonly properties: Readonly<Record<string, string>> }
  readonly required: boolean
  /** Of bytes a list of types and ranges, as of a part. */
  readonly mediaType: string
  readonly form: 'json' | 'urlencoded' | 'multipart' | 'xml' | 'text' | 'binary'
  readonly parts: readonly RestPart[]
  readonly xml: XmlShape | undefined
  /** Name of the root element of an XML body. */
  readonly xmlRoot: string | undefined
}

/** A security scheme of the description (OpenAPI Security Scheme Object), without any secret. */
export type RestSecurity =
  | {
      readonly kind: 'apiKey'
      readonly in: 'header' | 'query' | 'cookie'
      readonly name: string
    }
  | { readonly kind: 'basic' }
  | { readonly kind: 'bearer' }
  | {
      readonly kind: 'clientCredentials'
      readonly tokenUrl: string
      readonly scopes: readonly string[]
    }
  | { readonly kind: 'mutualTls' }
  /** AWS Signature Version 4; undefined: the address says which service it is. */
  | { readonly kind: 'awsSigV4'; readonly service: string | undefined }
  /** E.g. an OAuth2 flow with a user, or OpenID Connect: not yet. */
  | { readonly kind: 'other'; readonly what: string }

/** A runtime expression (OpenAPI 3.1 section 4.8.20.4): a value that a call and its answer have. */
export type RestExpression =
  | { readonly kind: 'url' | 'method' | 'statusCode' }
  /** What the caller gave as this argument. */
  | { readonly kind: 'argument'; readonly argument: string }
  | { readonly kind: 'requestBody'; readonly pointer: readonly string[] }
  /** A header of the answer, in lower case. */
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'body'; readonly pointer: readonly string[] }

export type RestLinkValue =
  | RestExpression
  | { readonly kind: 'constant'; readonly json: string }
  /** Texts with expressions between them. */
  | { readonly kind: 'text'; readonly parts: readonly (string | RestExpression)[] }

/** Where a success leads (OpenAPI Link Object): a tool of the same server, and what to call it with. */
export interface RestLink {
  /** Which answers have it: `201`, `2XX` or `default`. */
  readonly status: string
  /** The tool's own name, after selection and renaming. */
  readonly tool: string
  /** `page`: to the same operation with other arguments than those of the path, which is how pages are turned. */
  readonly leads: 'page' | 'same' | 'other'
  readonly arguments: readonly RestLinkArgument[]
}

export interface RestLinkArgument {
  readonly argument: string
  readonly value: RestLinkValue
  /** JSON types that the tool takes; empty: any. */
  readonly types: readonly string[]
  /** Without it the tool cannot be called. */
  readonly required: boolean
}

/** How to carry out one operation of a REST API. */
export interface RestPlan {
  /** Upper case. */
  readonly method: string
  /**
   * Absolute, without a trailing slash, variables replaced. Empty when the description names no server and the
   * configuration no `baseUrl`: calls are refused with a sentence that says so.
   */
  readonly baseUrl: string
  /** With `{name}` for each path parameter; may hold a query (`/?action=list`), to which parameters are added. */
  readonly path: string
  readonly parameters: readonly RestParameter[]
  readonly body: RestBody | undefined
  /** Value of `Accept`. */
  readonly accept: string
  /** Alternatives; each is a set of scheme names that go together; an empty set: no credential needed. */
  readonly security: readonly (readonly string[])[]
  /** Shape of XML answers, when the operation answers XML. */
  readonly answerXml: XmlShape | undefined
  /**
   * Whether the tool has an `outputSchema`. Then every success must carry `structuredContent` that is an object, or
   * clients built on the SDKs throw: JSON that is no object travels as `{"result": ...}`, an empty answer as `{}`.
   */
  readonly structured: boolean
  /** Where its successes lead; absent when the description names nothing. */
  readonly links?: readonly RestLink[]
}

export interface RestCommon {
  readonly security: Readonly<Record<string, RestSecurity>>
}
