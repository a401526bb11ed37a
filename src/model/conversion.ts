/**
 * What a converter makes of a description: tools with their call plans, and an account of everything that became no
 * tool. Everything here is plain data, since a conversion runs in a worker and crosses to the gateway as a copy.
 */

import type { CredentialPlace } from './credential.ts'

/** One text of a description: a file, an answer of a server, or an introspection. */
export interface Document {
  /** Absolute URL or absolute path; of an introspection the server's URL. */
  readonly location: string
  readonly text: string
  /** `text` is the base64 of bytes that are no text, e.g. of a descriptor set. */
  readonly base64?: true
  /** Of an HTTP answer, without parameters. */
  readonly mediaType: string | undefined
}

/**
 * Reads a further document that a description points at. The egress guard and the folder of the description bound it.
 * `reference` is resolved against `from`, the location of the document that holds it.
 * @throws ConversionFault document_refused, document_unreadable
 */
export type ReadDocument = (reference: string, from: string) => Promise<Document>

/**
 * Why something in a description became no tool, or stopped the whole conversion. A closed list: a report always has
 * one of these codes, and `docs/guides/convert.md` explains each.
 */
export const conversionCodes = {
  description_invalid: 'The description is not valid, or not of this kind.',
  version_unknown: 'The description has a version that is not supported.',
  description_too_large: 'The description, or what it points at, is larger than is read.',
  document_refused: 'A document that the description points at may not be read.',
  document_unreadable: 'A document that the description points at cannot be read.',
  reference_unresolved: 'A reference points at nothing.',
  schema_unusable: 'A schema cannot be expressed as JSON Schema.',
  feature_unsupported: 'The operation needs something that is not supported.',
  transport_unsupported: 'The operation is offered on a transport that is not supported.',
  credential_undeclared:
    'An argument looks like a credential that the description does not declare: it belongs into the configuration.',
  credential_left_out:
    'A credential in the source is not copied: it belongs into the configuration.',
  role_too_wide: 'The account of the gateway may do more than it needs.',
  excluded: 'The configuration leaves the operation out.',
  duplicate: 'The operation stands in the description more than once.',
  shadowed: 'Another operation cannot be told apart from this one.',
} as const satisfies Record<string, string>
export type ConversionCode = keyof typeof conversionCodes

/** A whole description that cannot be converted, with the place in it. */
export class ConversionFault extends Error {
  readonly code: ConversionCode
  /** Location and JSON pointer, line, or element name; empty when unknown. */
  readonly place: string
  /** Its document was refused by the guard of connections, which names the setting that would allow it. */
  readonly byEgress: boolean

  constructor(code: ConversionCode, message: string, place = '', byEgress = false) {
    super(message)
    this.name = 'ConversionFault'
    this.code = code
    this.place = place
    this.byEgress = byEgress
  }
}

/** Behaviour hints of MCP (2025-03-26 and later, `ToolAnnotations`). */
export interface ToolAnnotations {
  readonly title?: string
  readonly readOnlyHint?: boolean
  readonly destructiveHint?: boolean
  readonly idempotentHint?: boolean
  readonly openWorldHint?: boolean
}

/** JSON Schema 2020-12 as plain data. */
export type JsonSchema = { readonly [keyword: string]: unknown }

/** A tool as `tools/list` shows it. */
export interface ToolDefinition {
  /** At most 64 of `[A-Za-z0-9_-]`, unique in its server, the same at every conversion of the same description. */
  readonly name: string
  readonly title?: string
  /** For models: the summary first, then what helps to choose and call it. */
  readonly description?: string
  /** `type: "object"`; every `$ref` points inside it. */
  readonly inputSchema: JsonSchema
  readonly outputSchema?: JsonSchema
  readonly annotations?: ToolAnnotations
}

/** Arguments that the gateway adds to what a caller gives: raw JSON by the name of the argument. */
export interface Filled {
  /** Not shown, and never the caller's. */
  readonly fixed: Readonly<Record<string, string>>
  /** Shown, and used where the caller gives none. */
  readonly defaults: Readonly<Record<string, string>>
}

export interface ConvertedTool<Plan> {
  /** The operation in the description's own words, e.g. `GET /pets/{id}`; unique in the description. */
  readonly operation: string
  readonly definition: ToolDefinition
  readonly plan: Plan
  /** Absent: nothing. */
  readonly filled?: Filled
  /** The whole schema of the arguments, where the definition shows less. */
  readonly judged?: JsonSchema
}

/** What the entry of a server says beside its kind, as far as tools depend on it. It holds no secret. */
export interface Provided {
  /** Where its credential goes. */
  readonly credential: readonly CredentialPlace[]
  /** Variables of server addresses, e.g. the region of a credential. */
  readonly variables: Readonly<Record<string, string>>
  /** Values of arguments by their names, of any kind of JSON. */
  readonly fixed: Readonly<Record<string, unknown>>
  readonly defaults: Readonly<Record<string, unknown>>
  /** Whether large schemas are shown whole. */
  readonly schemas: 'compact' | 'full'
}

export const nothingProvided: Provided = {
  credential: [],
  variables: {},
  fixed: {},
  defaults: {},
  schemas: 'full',
}

/** An operation that became no tool (`operation`), or a part of one that was lost (`note`). */
export interface ConversionReport {
  readonly operation: string
  readonly code: ConversionCode
  readonly reason: string
  /** Location and JSON pointer, line, or element name. */
  readonly place: string
}

export interface Conversion<Plan = unknown, Common = unknown> {
  readonly title: string
  readonly version: string
  /** For `instructions`: what the service is, a few sentences at most. */
  readonly description: string | undefined
  /** How many operations the description has: `tools.length + skipped.length`, and nothing else. Checked by tests. */
  readonly operations: number
  readonly tools: readonly ConvertedTool<Plan>[]
  readonly skipped: readonly ConversionReport[]
  /** Converted, but with a loss that a person should know. */
  readonly notes: readonly ConversionReport[]
  /** What all plans of the server share, e.g. message descriptors. */
  readonly common: Common
}

/** Which operations become tools, and under which names; the same for every kind. */
export interface Selection {
  /** Patterns over operations or tool names with `*`; empty: all. */
  readonly include: readonly string[]
  readonly exclude: readonly string[]
  /** New tool name by operation or by the name that the converter gave. */
  readonly rename: Readonly<Record<string, string>>
}

/**
 * A converter: pure but for `read`. Without `provided` every argument of the description is shown.
 * @throws ConversionFault when nothing of the description can be used
 */
export type Convert<Spec, Plan, Common> = (
  spec: Spec,
  description: Document,
  read: ReadDocument,
  provided?: Provided,
) => Promise<Conversion<Plan, Common>>
