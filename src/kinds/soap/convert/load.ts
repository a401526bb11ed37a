/** Reads a WSDL and all that it imports and includes, through `ReadDocument` alone. */

import { attributeOf, parseXml, type XmlElement, XmlFault } from '../../../kit/xml.ts'
import {
  type ConversionCode,
  ConversionFault,
  type Document,
  type ReadDocument,
} from '../../../model/conversion.ts'
import type { Notes } from './notes.ts'
import { standardSchema } from './standard-schemas.ts'

const documentsMax = 256
const charactersMax = 32_000_000
const limits = { charactersMax, depthMax: 200, nodesMax: 1_000_000 }
const wsdl20 = 'http://www.w3.org/ns/wsdl'

export interface WsdlDocument {
  readonly root: XmlElement
  readonly location: string
  readonly targetNamespace: string
}

export interface SchemaDocument {
  readonly root: XmlElement
  readonly location: string
  readonly targetNamespace: string
  /** Included without a namespace of its own: names without a prefix are in that of the including schema. */
  readonly chameleon: boolean
}

export interface Loaded {
  readonly wsdls: readonly WsdlDocument[]
  readonly schemas: readonly SchemaDocument[]
}

type Pending =
  | { readonly kind: 'wsdl'; readonly root: XmlElement; readonly location: string }
  | {
      readonly kind: 'schema'
      readonly root: XmlElement
      readonly location: string
      readonly targetNamespace: string | undefined
    }

/** @throws ConversionFault when the WSDL itself cannot be read, or all of it together is too large */
export async function load(
  description: Document,
  read: ReadDocument,
  notes: Notes,
): Promise<Loaded> {
  const wsdls: WsdlDocument[] = []
  const schemas: SchemaDocument[] = []
  const seen = new Set<string>()
  const imported = new Set<string>()
  const lost = new Set<string>()
  const queue: Pending[] = [{ kind: 'wsdl', ...(await parse(description)) }]
  seen.add(`wsdl ${description.location}`)
  let documents = 1
  let characters = description.text.length

  const follow = async (
    reference: string,
    from: { location: string; line: number },
    into:
      | { kind: 'wsdl' }
      | { kind: 'schema'; targetNamespace: string | undefined; namespace: string },
  ): Promise<void> => {
    const key = whole(reference, from.location)
    if (lost.has(key)) return
    documents += 1
    if (documents > documentsMax)
      throw new ConversionFault('description_too_large', `more than ${documentsMax} documents`)
    const place = `${from.location}:${from.line}`
    try {
      const document = await read(reference, from.location)
      characters += document.text.length
      if (characters > charactersMax)
        throw new ConversionFault('description_too_large', `more than ${charactersMax} characters`)
      const what = `${into.kind} ${into.kind === 'wsdl' ? '' : (into.targetNamespace ?? '')} ${document.location}`
      if (seen.has(what)) return
      seen.add(what)
      const parsed = await parse(document)
      // Many a WSDL imports a schema with wsdl:import.
      if (parsed.root.local === 'schema') {
        const targetNamespace = into.kind === 'schema' ? into.targetNamespace : undefined
        queue.push({ kind: 'schema', targetNamespace, ...parsed })
      } else queue.push({ kind: 'wsdl', ...parsed })
    } catch (thrown) {
      if (!(thrown instanceof ConversionFault) || thrown.code === 'description_too_large')
        throw thrown
      if (into.kind === 'schema' && standardSchema(into.namespace) !== undefined) return
      // Many point at one file; its loss is one.
      lost.add(key)
      if (into.kind === 'schema') notes.lose(into.namespace, reference)
      notes.add('', thrown.code, `${reference}: ${thrown.message}`, place)
    }
  }

  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const { root, location } = next
    if (next.kind === 'wsdl') {
      expectDefinitions(root, location)
      wsdls.push({ root, location, targetNamespace: attributeOf(root, 'targetNamespace') ?? '' })
      for (const child of root.children) {
        const reference = attributeOf(child, 'location')
        if (child.local === 'import' && reference !== undefined)
          await follow(reference, { location, line: child.line }, { kind: 'wsdl' })
        if (child.local !== 'types') continue
        for (const schema of child.children)
          if (schema.local === 'schema')
            queue.push({ kind: 'schema', root: schema, location, targetNamespace: undefined })
      }
      continue
    }
    const own = attributeOf(root, 'targetNamespace')
    const targetNamespace = own ?? next.targetNamespace ?? ''
    const chameleon = own === undefined && targetNamespace !== ''
    schemas.push({ root, location, targetNamespace, chameleon })
    for (const child of root.children) {
      const reference = attributeOf(child, 'schemaLocation')
      const from = { location, line: child.line }
      if (child.local === 'import') {
        const namespace = attributeOf(child, 'namespace') ?? ''
        imported.add(namespace)
        // What is known need not be asked of its makers.
        const known = standardSchema(namespace) !== undefined && /^https?:/i.test(reference ?? '')
        if (reference !== undefined && !known)
          await follow(reference, from, { kind: 'schema', targetNamespace: undefined, namespace })
      } else if (reference !== undefined && /^(include|redefine)$/.test(child.local)) {
        const namespace = targetNamespace
        await follow(reference, from, { kind: 'schema', targetNamespace, namespace })
      }
    }
  }
  for (const namespace of imported) {
    const text = standardSchema(namespace)
    if (text === undefined || schemas.some((one) => one.targetNamespace === namespace)) continue
    const { root } = await parse({ location: namespace, text, mediaType: undefined })
    schemas.push({ root, location: namespace, targetNamespace: namespace, chameleon: false })
  }
  return { wsdls, schemas }
}

/** What a reference means, so that two ways to say it are one. */
function whole(reference: string, from: string): string {
  const base = URL.canParse(from) ? from : `file://${from}`
  return URL.parse(reference, base)?.href ?? reference
}

function expectDefinitions(root: XmlElement, location: string): void {
  if (root.namespace === wsdl20 && root.local === 'description')
    throw new ConversionFault(
      'version_unknown',
      'this is WSDL 2.0; WSDL 1.1 is supported',
      location,
    )
  if (root.local !== 'definitions')
    throw new ConversionFault(
      'description_invalid',
      `the root element is <${root.local.slice(0, 80)}>, and not <definitions> of WSDL 1.1`,
      `${location}:${root.line}`,
    )
}

const faultCodes: Readonly<Record<XmlFault['reason'], ConversionCode>> = {
  malformed: 'description_invalid',
  doctype: 'description_invalid',
  'too-large': 'description_too_large',
}

async function parse(document: Document): Promise<{ root: XmlElement; location: string }> {
  try {
    // A file that was written on Windows often starts with a byte order mark.
    return {
      root: await parseXml(document.text.replace(/^\u{FEFF}/u, ''), limits, { doctype: 'skipped' }),
      location: document.location,
    }
  } catch (thrown) {
    throw thrown instanceof XmlFault ? xmlRefusal(thrown, document.location) : thrown
  }
}

function xmlRefusal({ reason, message, line }: XmlFault, location: string): ConversionFault {
  return new ConversionFault(
    faultCodes[reason],
    `not usable as XML: ${message}`,
    `${location}:${line}`,
  )
}
