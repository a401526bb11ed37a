/** The envelope of a call (SOAP 1.1 section 4, SOAP 1.2 part 1 section 5). */
import type { SoapCommon, SoapElement, SoapPlan, SoapSecurity } from '../../../model/kinds/soap.ts'
import { ArgumentFault, type Members, member } from './arguments.ts'
import { encodings, envelopes } from './names.ts'
import { securityHeader } from './security.ts'
import { XmlWriter } from './write.ts'

export interface EnvelopeOptions {
  readonly plan: SoapPlan
  readonly common: SoapCommon
  readonly args: Members
  readonly security: SoapSecurity | undefined
  /** Milliseconds since 1970. */
  readonly now: number
}

/** @throws ArgumentFault when the arguments cannot be written */
export function writeEnvelope({ plan, common, args, security, now }: EnvelopeOptions): string {
  const { version, input } = plan
  const { wrapper, encoded, body, headers } = input
  const writer = new XmlWriter(common.types, version)
  const soap = writer.prefixed({ namespace: envelopes[version], local: 'x' }).slice(0, -2)
  const given = headers.filter(({ property }) => member(args, property) !== undefined)
  const headerXml = [
    ...(security === undefined ? [] : [securityHeader(security, soap, now)]),
    ...given.map((element) =>
      writer.element(element, member(args, element.property), element.property, encoded),
    ),
  ].join('')
  const parts = input.inline
    ? inlined(writer, plan, common, args)
    : body.map((element) => part(writer, element, args, encoded)).join('')
  const style = encoded ? ` ${soap}:encodingStyle="${encodings[version]}"` : ''
  const tag = wrapper === undefined ? undefined : writer.prefixed(wrapper)
  const bodyXml = tag === undefined ? parts : `<${tag}${style}>${parts}</${tag}>`
  const header = headerXml === '' ? '' : `<${soap}:Header>${headerXml}</${soap}:Header>`
  return (
    `<?xml version="1.0" encoding="utf-8"?><${soap}:Envelope${writer.declarations()}>${header}` +
    `<${soap}:Body>${bodyXml}</${soap}:Body></${soap}:Envelope>`
  )
}

function part(writer: XmlWriter, element: SoapElement, args: Members, encoded: boolean): string {
  const value = member(args, element.property)
  if (value === undefined) throw new ArgumentFault(element.property, 'is missing')
  return writer.element(element, value, element.property, encoded)
}

function inlined(
  writer: XmlWriter,
  { input }: SoapPlan,
  common: SoapCommon,
  args: Members,
): string {
  const [element] = input.body
  const type = element === undefined ? undefined : common.types[element.type]
  if (element === undefined || type?.kind !== 'complex') return ''
  const others = new Set(input.headers.map(({ property }) => property))
  const tag = writer.prefixed(element.name)
  const { attributes, content } = writer.object(type, args, '', input.encoded, others)
  return `<${tag}${attributes}>${content}</${tag}>`
}

/** Header fields of the request: the action stands in one of its own (1.1), or in the media type (1.2). */
export function envelopeHeaders({ version, action }: SoapPlan): Readonly<Record<string, string>> {
  const quoted = `"${action.replaceAll(/["\\]/g, '\\$&')}"`
  if (version === '1.1')
    return { 'content-type': 'text/xml; charset=utf-8', soapaction: quoted, accept: 'text/xml' }
  const parameter = action === '' ? '' : `; action=${quoted}`
  return {
    'content-type': `application/soap+xml; charset=utf-8${parameter}`,
    accept: 'application/soap+xml',
  }
}
