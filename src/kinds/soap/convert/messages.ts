/** What a call plan says of one operation: body parts, headers and faults (WSDL 1.1 sections 2.3, 2.4 and 3). */
import { attributeOf, splitName, type XmlElement } from '../../../kit/xml.ts'
import type { SoapElement, SoapMessage, SoapPlan, XmlName } from '../../../model/kinds/soap.ts'
import { fieldsOf } from '../../../model/kinds/soap-fields.ts'
import { isSchemaNamespace } from './builtin.ts'
import { Content } from './content.ts'
import { OperationFault } from './notes.ts'
import type { Offer } from './ports.ts'
import { Properties } from './properties.ts'
import { firstChild, qualified } from './schema-set.ts'
import type { Types } from './types.ts'
import { childrenOf, type Part, type Wsdl } from './wsdl.ts'

const securityNamespace =
  'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd'

type Side = 'input' | 'output'

export class Messages {
  private readonly wsdl: Wsdl
  private readonly types: Types
  private readonly content: Content

  constructor(wsdl: Wsdl, types: Types) {
    this.wsdl = wsdl
    this.types = types
    this.content = new Content(types)
  }

  /** @throws OperationFault when the operation cannot be called */
  plan(offer: Offer, endpoint: string): SoapPlan {
    const { declared, bound, place, version } = offer
    if (declared === undefined)
      throw new OperationFault(
        'reference_unresolved',
        'the port type of its binding does not have the operation',
        place,
      )
    if (firstChild(declared, 'input', 'output')?.local === 'output')
      throw new OperationFault(
        'feature_unsupported',
        'the service calls and the client answers (solicit-response or notification)',
        place,
      )
    const soapOperation = firstChild(bound, 'operation')
    const action = (soapOperation && attributeOf(soapOperation, 'soapAction')) ?? ''
    if (/[^\x20-\x7e]/.test(action))
      throw new OperationFault(
        'description_invalid',
        'its soapAction has characters that no header may have',
        place,
      )
    const output = firstChild(declared, 'output')
    const plan = {
      endpoint,
      version: version ?? '1.1',
      action,
      input: this.message(offer, declared, 'input'),
      output: output === undefined ? undefined : this.message(offer, declared, 'output'),
      faults: this.faults(declared),
    } as const
    this.types.finish()
    return {
      ...plan,
      input: this.shaped(plan.input),
      output: plan.output && this.shaped(plan.output),
    }
  }

  private message(offer: Offer, declared: XmlElement, side: Side): SoapMessage {
    const { bound, style, place } = offer
    const abstract = firstChild(declared, side)
    const binding = firstChild(bound, side)
    const soapBody = binding && this.bodyOf(binding, place)
    const part =
      abstract && this.wsdl.find('message', attributeOf(abstract, 'message') ?? '', abstract)
    if (abstract !== undefined && part === undefined)
      throw new OperationFault(
        'reference_unresolved',
        `the message of its ${side} is not in the description`,
        place,
      )
    const rpc = style === 'rpc'
    const headers = binding === undefined ? [] : this.headers(binding, side)
    const listed = soapBody && attributeOf(soapBody, 'parts')?.split(/\s+/)
    const asHeader = new Set(
      headers.filter(({ message }) => message === part).map(({ name }) => name),
    )
    const body = childrenOf(part?.node ?? declared, 'part').filter((one) => {
      const name = attributeOf(one, 'name') ?? ''
      return listed === undefined ? !asHeader.has(name) : listed.includes(name)
    })
    // Without one, others take the target namespace, and services expect it (WSDL 1.1 section 3.5 leaves it open).
    const namespace =
      (soapBody && attributeOf(soapBody, 'namespace')) ?? offer.binding.document.targetNamespace
    const local = side === 'input' ? offer.name : `${offer.name}Response`
    return {
      wrapper: rpc ? { namespace, local } : undefined,
      encoded: (soapBody && attributeOf(soapBody, 'use')) === 'encoded',
      body: part === undefined ? [] : body.map((one) => this.part(one, { part, rpc, side })),
      inline: false,
      headers: headers.map(({ element }) => element),
    }
  }

  private bodyOf(binding: XmlElement, place: string): XmlElement | undefined {
    const multipart = firstChild(binding, 'multipartRelated')
    if (multipart === undefined) return firstChild(binding, 'body')
    const parts = childrenOf(multipart, 'part')
    if (parts.some((part) => firstChild(part, 'content') !== undefined))
      throw new OperationFault(
        'feature_unsupported',
        'it has attachments (MIME multipart/related), which are not supported',
        place,
      )
    return parts.map((part) => firstChild(part, 'body')).find((body) => body !== undefined)
  }

  private part(
    node: XmlElement,
    { part, rpc, side }: { part: Part; rpc: boolean; side: Side },
  ): SoapElement {
    const place = `${part.document.location}:${node.line}`
    const name = attributeOf(node, 'name')?.trim() ?? 'part'
    const element = attributeOf(node, 'element')
    if (element !== undefined) {
      const found = this.elementOf(element, node, place)
      if (found !== undefined) return found
      if (side === 'input')
        throw new OperationFault(
          'reference_unresolved',
          `the element "${element}" of its input is not in the description${this.because(element, node)}`,
          place,
        )
      this.types.notes.add(
        '',
        'reference_unresolved',
        `element "${element}" is not known${this.because(element, node)}; any content is taken`,
        place,
      )
      return { name: this.nameOf(element, node), property: name, type: 'any', nillable: false }
    }
    const type = attributeOf(node, 'type')
    const key = type === undefined ? 'any' : this.types.reference(qualifiedPlain(type, node), place)
    if (!rpc)
      this.types.notes.add(
        '',
        'description_invalid',
        `part "${name}" of a document has a type where an element is needed; its name is taken`,
        place,
      )
    return { name: { namespace: '', local: name }, property: name, type: key, nillable: false }
  }

  private because(element: string, node: XmlElement): string {
    return this.types.notes.because(this.nameOf(element, node).namespace)
  }

  private nameOf(value: string, node: XmlElement): XmlName {
    return qualifiedPlain(value, node)
  }

  /** A global element; some descriptions name a built-in type instead. */
  private elementOf(value: string, node: XmlElement, place: string): SoapElement | undefined {
    const name = qualifiedPlain(value, node)
    const declared = node.scope(splitName(value.trim())[0]) !== undefined
    const loose = declared ? undefined : this.types.set.findLocal('element', name.local)
    const component = this.types.set.find('element', name) ?? loose
    if (component !== undefined && component === loose)
      this.types.notes.add(
        '',
        'description_invalid',
        `the prefix of "${value}" is not declared; the only element of that name is taken`,
        place,
      )
    if (component !== undefined)
      return this.content.declared(component.node, component.schema, component.name)
    if (!isSchemaNamespace(name.namespace)) return undefined
    return { name, property: name.local, type: this.types.reference(name, place), nillable: false }
  }

  private headers(binding: XmlElement, side: Side) {
    return childrenOf(binding, 'header').flatMap((header) => {
      const message = this.wsdl.find('message', attributeOf(header, 'message') ?? '', header)
      const name = attributeOf(header, 'part') ?? ''
      const node =
        message && childrenOf(message.node, 'part').find((one) => attributeOf(one, 'name') === name)
      if (message === undefined || node === undefined) return []
      const element = this.part(node, { part: message, rpc: true, side: 'output' })
      // Written by configuration, never by a model.
      if (side === 'input' && element.name.namespace === securityNamespace) return []
      return [{ message, name, element }]
    })
  }

  private faults(declared: XmlElement): readonly SoapElement[] {
    return childrenOf(declared, 'fault').flatMap((fault) => {
      const message = this.wsdl.find('message', attributeOf(fault, 'message') ?? '', fault)
      return message === undefined
        ? []
        : childrenOf(message.node, 'part').map((node) =>
            this.part(node, { part: message, rpc: true, side: 'output' }),
          )
    })
  }

  /** Gives the parts their properties: one part that is an object is the object itself. */
  private shaped(message: SoapMessage): SoapMessage {
    const [only, second] = message.body
    const type =
      second === undefined && only !== undefined ? this.types.types.get(only.type) : undefined
    const inline =
      type?.kind === 'complex' &&
      !type.abstract &&
      type.derived.length === 0 &&
      only?.nillable === false &&
      (message.wrapper === undefined || type.name === undefined)
    const inside =
      inline && type.kind === 'complex'
        ? [
            ...fieldsOf(type.content).keys(),
            ...type.attributes.map(({ property }) => property),
            ...(type.text === undefined ? [] : [type.text.property]),
            ...(type.mixed === undefined ? [] : [type.mixed]),
          ]
        : []
    const properties = new Properties(inside)
    const named = (elements: readonly SoapElement[], suffix: string): readonly SoapElement[] =>
      elements.map((element) => ({
        ...element,
        property: properties.take(element.name.local, suffix),
      }))
    const body = inline ? message.body : named(message.body, 'part')
    return { ...message, inline, body, headers: named(message.headers, 'header') }
  }
}

/** A QName in a WSDL, where no schema is around. */
function qualifiedPlain(value: string, node: XmlElement): XmlName {
  return qualified(value, node, { root: node, location: '', targetNamespace: '', chameleon: false })
}
