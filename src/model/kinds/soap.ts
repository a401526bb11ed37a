import { z } from 'zod'
import { secret } from '../credential.ts'
import { address, headersSpec, location, rootSpec, selectionSpec } from './selection.ts'

const securitySpec = z
  .strictObject({
    username: secret,
    password: secret,
    type: z
      .enum(['text', 'digest'])
      .default('text')
      .describe('text: the password as it is; digest: hashed with a nonce and the time'),
  })
  .describe('A WS-Security UsernameToken in the header of every call')

export const soapSpec = z
  .strictObject({
    wsdl: location.describe('File or URL of the WSDL'),
    root: rootSpec,
    endpoint: address('http', 'https')
      .optional()
      .describe('Where to send calls; default: the address in the WSDL'),
    service: z.string().min(1).optional().describe('Only this service of the WSDL'),
    port: z.string().min(1).optional().describe('Only this port of the WSDL'),
    version: z
      .enum(['1.1', '1.2'])
      .optional()
      .describe('Which SOAP version to prefer; default: the port that stands first'),
    headers: headersSpec,
    security: securitySpec.optional(),
    operations: selectionSpec.prefault({}),
  })
  .describe('A SOAP service with a WSDL 1.1 description')

export type SoapSpec = z.infer<typeof soapSpec>
export type SoapSecurity = z.infer<typeof securitySpec>

/** A qualified name; the namespace is empty for none. */
export interface XmlName {
  readonly namespace: string
  readonly local: string
}

/** How a text of XML becomes a value of JSON, and the reverse. `docs/guides/soap.md` has the table. */
export type AtomicBase =
  | 'string'
  | 'boolean'
  /** Fits a double: a JSON number. */
  | 'integer'
  | 'float'
  /** May be larger than a double holds: a JSON number, or a string with the digits. */
  | 'big-integer'
  | 'decimal'
  | 'base64'
  | 'hex'
  /** `{namespace}local` in JSON. */
  | 'qname'
  /** `xs:anySimpleType`. */
  | 'any'

/** What restricts a simple type (XML Schema part 2, section 4.3), as far as JSON Schema can say it. */
export interface Facets {
  readonly enumeration?: readonly string[]
  /** An ECMAScript pattern, anchored. */
  readonly pattern?: string
  readonly lengthMin?: number
  readonly lengthMax?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly exclusiveMaximum?: number
}

export type SimpleType =
  | {
      readonly kind: 'atomic'
      readonly base: AtomicBase
      /** Local name of the built-in type it comes from, for `xsi:type` and for people. */
      readonly builtin: string
      readonly facets: Facets
    }
  | { readonly kind: 'list'; readonly item: SimpleType; readonly facets: Facets }
  | { readonly kind: 'union'; readonly members: readonly SimpleType[] }

/** An element of a type, as one property of a JSON object. */
export interface SoapElement {
  readonly name: XmlName
  readonly property: string
  /** Key in `SoapCommon.types`. */
  readonly type: string
  readonly nillable: boolean
  /** Written when the arguments leave a required element out; fixed values too. */
  readonly preset?: string
  readonly fixed?: boolean
  readonly about?: string
}

/** The order of elements, with bounds; `max` null is unbounded. */
export type Particle =
  | {
      readonly kind: 'element'
      readonly element: SoapElement
      readonly min: number
      readonly max: number | null
    }
  | Group
  /** `xs:any`: elements in the generic form, under one property. */
  | {
      readonly kind: 'any'
      readonly property: string
      readonly min: number
      readonly max: number | null
    }

export interface Group {
  readonly kind: 'sequence' | 'all' | 'choice'
  readonly items: readonly Particle[]
  readonly min: number
  readonly max: number | null
  /**
   * Of a group of several elements that repeats: the property for a list of its units. What belongs together, and in
   * which order, would be lost in a list for each element (XML Schema part 1, section 3.8).
   */
  readonly property?: string | undefined
}

export interface SoapAttribute {
  readonly name: XmlName
  readonly property: string
  readonly type: SimpleType
  readonly required: boolean
  readonly preset?: string
  readonly fixed?: boolean
  readonly about?: string
}

export interface ComplexType {
  readonly kind: 'complex'
  /** Undefined for a type that stands inside an element. */
  readonly name: XmlName | undefined
  /** How it is called in JSON: key in `$defs`, and value of `xsi_type`. */
  readonly label: string
  readonly abstract: boolean
  readonly attributes: readonly SoapAttribute[]
  /** `simpleContent`: the text, as a property. */
  readonly text: { readonly property: string; readonly type: SimpleType } | undefined
  /** Mixed content: all text, as a property. */
  readonly mixed: string | undefined
  readonly content: Particle | undefined
  /** Keys of types that may stand in its place, by `xsi:type`. */
  readonly derived: readonly string[]
  readonly about?: string
}

export type SoapType =
  | { readonly kind: 'simple'; readonly name: XmlName | undefined; readonly simple: SimpleType }
  | ComplexType
  /** An array of SOAP 1.1 section 5.4.2. */
  | {
      readonly kind: 'array'
      readonly name: XmlName | undefined
      readonly label: string
      readonly item: SoapElement
    }
  /** `xs:anyType`, and what is not known: a simple value, or elements in the generic form. */
  | { readonly kind: 'any' }

export interface SoapCommon {
  readonly types: Readonly<Record<string, SoapType>>
}

export interface SoapMessage {
  /** RPC style: the element around the parts. */
  readonly wrapper: XmlName | undefined
  /** `use="encoded"`: elements say their type. */
  readonly encoded: boolean
  readonly body: readonly SoapElement[]
  /** The JSON object is the content of the only body element, instead of having a property for it. */
  readonly inline: boolean
  readonly headers: readonly SoapElement[]
}

export interface SoapPlan {
  readonly endpoint: string
  readonly version: '1.1' | '1.2'
  /** `SOAPAction`; of SOAP 1.2 the `action` parameter. */
  readonly action: string
  readonly input: SoapMessage
  /** Undefined: one-way. */
  readonly output: SoapMessage | undefined
  /** Elements that a fault's detail may hold. */
  readonly faults: readonly SoapElement[]
}
