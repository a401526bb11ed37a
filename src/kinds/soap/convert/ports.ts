/** Which operations a WSDL offers, where, and how: services, ports and bindings (WSDL 1.1 sections 2.5 to 2.7). */
import { attributeOf, type XmlElement } from '../../../kit/xml.ts'
import { firstChild } from './schema-set.ts'
import { childrenOf, type Part, type Wsdl } from './wsdl.ts'

const soap11 = 'http://schemas.xmlsoap.org/wsdl/soap/'
const soap12 = 'http://schemas.xmlsoap.org/wsdl/soap12/'
const httpBinding = 'http://schemas.xmlsoap.org/wsdl/http/'
const httpTransports = new Set([
  'http://schemas.xmlsoap.org/soap/http',
  'http://www.w3.org/2003/05/soap/bindings/HTTP/',
  // Written by mistake for the first one, and meant so.
  'http://schemas.xmlsoap.org/soap/http/',
  'http://schemas.xmlsoap.org/wsdl/soap/http',
])

export interface Offer {
  /** `Service.Port.Operation`, unique in the description. */
  readonly operation: string
  readonly service: string
  readonly port: string
  readonly name: string
  readonly place: string
  readonly version: '1.1' | '1.2' | undefined
  /** Why it cannot be called at all: another transport. */
  readonly transport: string | undefined
  readonly address: string | undefined
  readonly binding: Part
  readonly portType: Part | undefined
  /** The operation in the binding, and in the port type. */
  readonly bound: XmlElement
  readonly declared: XmlElement | undefined
  readonly style: string
  /** The same for all ports that are alternatives of each other. */
  readonly alternative: string
}

/** Every operation of every port. A port whose binding is nowhere has none. */
export function offersOf(wsdl: Wsdl): readonly Offer[] {
  const offers: Offer[] = []
  const names = new Map<string, number>()
  for (const { service, port, address, binding } of portsOf(wsdl)) {
    const protocol = protocolOf(binding.node)
    const portType = wsdl.find('portType', attributeOf(binding.node, 'type') ?? '', binding.node)
    for (const bound of childrenOf(binding.node, 'operation')) {
      const name = attributeOf(bound, 'name')?.trim()
      if (name === undefined || name === '') continue
      const declared = declaredOf(portType, bound, name)
      const plain = `${service}.${port}.${name}`
      const count = (names.get(plain) ?? 0) + 1
      names.set(plain, count)
      const soapOperation = firstChild(bound, 'operation')
      offers.push({
        operation: count === 1 ? plain : `${plain}#${count}`,
        service,
        port,
        name,
        place: `${binding.document.location}:${bound.line}`,
        version: protocol.version,
        transport: protocol.transport,
        address,
        binding,
        portType,
        bound,
        declared,
        style: (soapOperation && attributeOf(soapOperation, 'style')) ?? protocol.style,
        alternative: JSON.stringify([
          service,
          portType?.name ?? binding.name,
          name,
          declared?.line,
        ]),
      })
    }
  }
  return offers
}

interface Port {
  readonly service: string
  readonly port: string
  readonly address: string | undefined
  readonly binding: Part
}

function portsOf(wsdl: Wsdl): readonly Port[] {
  const ports = wsdl.all('service').flatMap(({ name, node }) =>
    childrenOf(node, 'port').flatMap((port): readonly Port[] => {
      const binding = wsdl.find('binding', attributeOf(port, 'binding') ?? '', port)
      const address = firstChild(port, 'address')
      return binding === undefined
        ? []
        : [
            {
              service: name.local,
              port: attributeOf(port, 'name')?.trim() ?? binding.name.local,
              address: address && attributeOf(address, 'location')?.trim(),
              binding,
            },
          ]
    }),
  )
  if (ports.length > 0 || wsdl.all('service').length > 0) return ports
  // An interface without an implementation: the configuration says where it is.
  return wsdl.all('binding').map((binding) => ({
    service: binding.name.local,
    port: binding.name.local,
    address: undefined,
    binding,
  }))
}

/** Port types may have operations of one name, told apart by their inputs (WSDL 1.1 section 2.5). */
function declaredOf(
  portType: Part | undefined,
  bound: XmlElement,
  name: string,
): XmlElement | undefined {
  const same =
    portType === undefined
      ? []
      : childrenOf(portType.node, 'operation').filter(
          (one) => attributeOf(one, 'name')?.trim() === name,
        )
  const inputName = (node: XmlElement): string | undefined => {
    const input = firstChild(node, 'input')
    return input && attributeOf(input, 'name')
  }
  const wanted = inputName(bound)
  return (same.length > 1 ? same.find((one) => inputName(one) === wanted) : undefined) ?? same[0]
}

/** Whether the SOAP elements of a binding were written without their prefix: WSDL has no element of that name there. */
export function isUnprefixed(binding: XmlElement): boolean {
  const own = firstChild(binding, 'binding')
  if (own === undefined || own.namespace !== binding.namespace) return false
  return httpTransports.has(attributeOf(own, 'transport')?.trim() ?? '')
}

function protocolOf(binding: XmlElement): {
  version: '1.1' | '1.2' | undefined
  transport: string | undefined
  style: string
} {
  const own = firstChild(binding, 'binding')
  const style = (own && attributeOf(own, 'style')) ?? 'document'
  if (own === undefined) return { version: undefined, transport: 'no SOAP binding', style }
  if (own.namespace === httpBinding)
    return { version: undefined, transport: 'plain HTTP GET or POST', style }
  if (own.namespace !== soap11 && own.namespace !== soap12 && !isUnprefixed(binding))
    return { version: undefined, transport: `binding "${own.namespace.slice(0, 100)}"`, style }
  const version = own.namespace === soap12 ? '1.2' : '1.1'
  const transport = attributeOf(own, 'transport')?.trim()
  if (transport !== undefined && !httpTransports.has(transport))
    return { version, transport: `transport "${transport.slice(0, 100)}"`, style }
  return { version, transport: undefined, style }
}
