/**
 * Schemas that descriptions import by their namespace and seldom bring along. Written anew from the texts of the
 * specifications that are named beside each, as far as content and attributes go; no file of their makers is copied.
 */

const xs = 'http://www.w3.org/2001/XMLSchema'

function schema(namespace: string, body: string): string {
  return `<xs:schema xmlns:xs="${xs}" targetNamespace="${namespace}" xmlns:t="${namespace}" elementFormDefault="qualified">${body}</xs:schema>`
}

const anyContent = (extra = ''): string =>
  `<xs:sequence><xs:any namespace="##any" processContents="lax" minOccurs="0" maxOccurs="unbounded"/></xs:sequence>${extra}`
const anyType = (name: string): string =>
  `<xs:complexType name="${name}">${anyContent()}</xs:complexType>`
const textType = (name: string, base: string, extra = ''): string =>
  `<xs:complexType name="${name}"><xs:simpleContent><xs:extension base="${base}">${extra}</xs:extension></xs:simpleContent></xs:complexType>`
const element = (name: string, type: string, more = ''): string =>
  `<xs:element name="${name}" type="${type}"${more}/>`

/** Describing Media Content of Binary Data in XML, sections 2.1 and 2.2. */
const mimeContent =
  '<xs:attribute name="contentType"><xs:simpleType><xs:restriction base="xs:string"><xs:minLength value="3"/></xs:restriction></xs:simpleType></xs:attribute>' +
  '<xs:attribute name="expectedContentTypes" type="xs:string"/>' +
  textType('base64Binary', 'xs:base64Binary', '<xs:attribute ref="t:contentType"/>') +
  textType('hexBinary', 'xs:hexBinary', '<xs:attribute ref="t:contentType"/>')

/** Web Services Addressing 1.0 Core, sections 2.2 and 3.2, and SOAP Binding, section 6. */
const addressing2005 =
  element('EndpointReference', 't:EndpointReferenceType') +
  `<xs:complexType name="EndpointReferenceType"><xs:sequence>${element('Address', 't:AttributedURIType')}<xs:element ref="t:ReferenceParameters" minOccurs="0"/><xs:element ref="t:Metadata" minOccurs="0"/><xs:any namespace="##other" processContents="lax" minOccurs="0" maxOccurs="unbounded"/></xs:sequence></xs:complexType>` +
  element('ReferenceParameters', 't:ReferenceParametersType') +
  anyType('ReferenceParametersType') +
  element('Metadata', 't:MetadataType') +
  anyType('MetadataType') +
  ['MessageID', 'To', 'Action', 'ProblemIRI']
    .map((name) => element(name, 't:AttributedURIType'))
    .join('') +
  ['ReplyTo', 'From', 'FaultTo'].map((name) => element(name, 't:EndpointReferenceType')).join('') +
  element('RelatesTo', 't:RelatesToType') +
  textType(
    'RelatesToType',
    'xs:anyURI',
    '<xs:attribute name="RelationshipType" type="xs:anyURI" default="http://www.w3.org/2005/08/addressing/reply"/>',
  ) +
  textType('AttributedURIType', 'xs:anyURI') +
  textType('AttributedUnsignedLongType', 'xs:unsignedLong') +
  textType('AttributedQNameType', 'xs:QName') +
  anyType('AttributedAnyType') +
  '<xs:attribute name="IsReferenceParameter" type="xs:boolean"/>' +
  element('RetryAfter', 't:AttributedUnsignedLongType') +
  element('ProblemHeaderQName', 't:AttributedQNameType') +
  element('ProblemHeader', 't:AttributedAnyType') +
  element('ProblemAction', 't:ProblemActionType') +
  '<xs:complexType name="ProblemActionType"><xs:sequence><xs:element ref="t:Action" minOccurs="0"/><xs:element name="SoapAction" type="xs:anyURI" minOccurs="0"/></xs:sequence></xs:complexType>'

/** Web Services Addressing, Member Submission of 10 August 2004, sections 2 and 3. */
const addressing2004 =
  element('EndpointReference', 't:EndpointReferenceType') +
  `<xs:complexType name="EndpointReferenceType"><xs:sequence>${element('Address', 't:AttributedURI')}${element('ReferenceProperties', 't:ReferencePropertiesType', ' minOccurs="0"')}${element('ReferenceParameters', 't:ReferenceParametersType', ' minOccurs="0"')}${element('PortType', 't:AttributedQName', ' minOccurs="0"')}${element('ServiceName', 't:ServiceNameType', ' minOccurs="0"')}<xs:any namespace="##other" processContents="lax" minOccurs="0" maxOccurs="unbounded"/></xs:sequence></xs:complexType>` +
  anyType('ReferencePropertiesType') +
  anyType('ReferenceParametersType') +
  textType('ServiceNameType', 'xs:QName', '<xs:attribute name="PortName" type="xs:NCName"/>') +
  textType('Relationship', 'xs:anyURI', '<xs:attribute name="RelationshipType" type="xs:QName"/>') +
  element('RelatesTo', 't:Relationship') +
  ['MessageID', 'To', 'Action'].map((name) => element(name, 't:AttributedURI')).join('') +
  ['ReplyTo', 'From', 'FaultTo'].map((name) => element(name, 't:EndpointReferenceType')).join('') +
  textType('AttributedURI', 'xs:anyURI') +
  textType('AttributedQName', 'xs:QName') +
  element('ReplyAfter', 't:ReplyAfterType') +
  textType('ReplyAfterType', 'xs:nonNegativeInteger')

/** SOAP 1.1, section 4. */
const envelope11 =
  element('Envelope', 't:Envelope') +
  '<xs:complexType name="Envelope"><xs:sequence><xs:element ref="t:Header" minOccurs="0"/><xs:element ref="t:Body"/></xs:sequence></xs:complexType>' +
  ['Header', 'Body'].map((name) => element(name, `t:${name}`) + anyType(name)).join('') +
  '<xs:attribute name="mustUnderstand" type="xs:boolean"/><xs:attribute name="actor" type="xs:anyURI"/>' +
  '<xs:attribute name="encodingStyle" type="xs:string"/><xs:attributeGroup name="encodingStyle"><xs:attribute ref="t:encodingStyle"/></xs:attributeGroup>' +
  element('Fault', 't:Fault') +
  '<xs:complexType name="Fault"><xs:sequence><xs:element name="faultcode" type="xs:QName" form="unqualified"/><xs:element name="faultstring" type="xs:string" form="unqualified"/><xs:element name="faultactor" type="xs:anyURI" minOccurs="0" form="unqualified"/><xs:element name="detail" type="t:detail" minOccurs="0" form="unqualified"/></xs:sequence></xs:complexType>' +
  anyType('detail')

/** SOAP 1.2 part 1, section 5. */
const envelope12 =
  element('Envelope', 't:Envelope') +
  '<xs:complexType name="Envelope"><xs:sequence><xs:element ref="t:Header" minOccurs="0"/><xs:element ref="t:Body"/></xs:sequence></xs:complexType>' +
  ['Header', 'Body'].map((name) => element(name, `t:${name}`) + anyType(name)).join('') +
  '<xs:attribute name="mustUnderstand" type="xs:boolean"/><xs:attribute name="relay" type="xs:boolean"/><xs:attribute name="role" type="xs:anyURI"/><xs:attribute name="encodingStyle" type="xs:anyURI"/>' +
  element('Fault', 't:Fault') +
  '<xs:complexType name="Fault"><xs:sequence><xs:element name="Code" type="t:faultcode"/><xs:element name="Reason" type="t:faultreason"/><xs:element name="Node" type="xs:anyURI" minOccurs="0"/><xs:element name="Role" type="xs:anyURI" minOccurs="0"/><xs:element name="Detail" type="t:detail" minOccurs="0"/></xs:sequence></xs:complexType>' +
  '<xs:complexType name="faultcode"><xs:sequence><xs:element name="Value" type="xs:QName"/><xs:element name="Subcode" type="t:subcode" minOccurs="0"/></xs:sequence></xs:complexType>' +
  '<xs:complexType name="subcode"><xs:sequence><xs:element name="Value" type="xs:QName"/><xs:element name="Subcode" type="t:subcode" minOccurs="0"/></xs:sequence></xs:complexType>' +
  '<xs:complexType name="faultreason"><xs:sequence><xs:element name="Text" type="t:reasontext" maxOccurs="unbounded"/></xs:sequence></xs:complexType>' +
  textType('reasontext', 'xs:string', '<xs:attribute ref="xml:lang" use="required"/>') +
  anyType('detail')

/** The types of the SOAP encoding are built in; these are its attributes (SOAP 1.1 section 5.4, SOAP 1.2 part 2 section 3). */
const encoding11 =
  '<xs:attribute name="arrayType" type="xs:string"/><xs:attribute name="offset" type="xs:string"/><xs:attribute name="position" type="xs:string"/><xs:attribute name="root" type="xs:boolean"/>' +
  '<xs:attributeGroup name="commonAttributes"><xs:attribute name="id" type="xs:ID"/><xs:attribute name="href" type="xs:anyURI"/></xs:attributeGroup>' +
  '<xs:attributeGroup name="arrayAttributes"/><xs:attributeGroup name="arrayMemberAttributes"/>' +
  `<xs:group name="Array">${anyContent()}</xs:group><xs:group name="Struct">${anyContent()}</xs:group>`
const encoding12 =
  '<xs:attribute name="itemType" type="xs:QName"/><xs:attribute name="arraySize" type="xs:string"/><xs:attribute name="nodeType" type="xs:string"/><xs:attribute name="id" type="xs:ID"/><xs:attribute name="ref" type="xs:IDREF"/>' +
  '<xs:attributeGroup name="commonAttributes"/><xs:attributeGroup name="arrayAttributes"/>'

/** XML 1.0 sections 2.10 and 2.12, XML Base, xml:id. */
const xml =
  '<xs:attribute name="lang" type="xs:string"/><xs:attribute name="base" type="xs:anyURI"/><xs:attribute name="id" type="xs:ID"/>' +
  '<xs:attribute name="space"><xs:simpleType><xs:restriction base="xs:NCName"><xs:enumeration value="default"/><xs:enumeration value="preserve"/></xs:restriction></xs:simpleType></xs:attribute>' +
  '<xs:attributeGroup name="specialAttrs"><xs:attribute ref="t:base"/><xs:attribute ref="t:lang"/><xs:attribute ref="t:space"/><xs:attribute ref="t:id"/></xs:attributeGroup>'

/** XML-binary Optimized Packaging, section 2.1. */
const xop =
  element('Include', 't:Include') +
  `<xs:complexType name="Include">${anyContent('<xs:attribute name="href" type="xs:anyURI" use="required"/>')}</xs:complexType>`

const bodies: Readonly<Record<string, string>> = {
  'http://www.w3.org/XML/1998/namespace': xml,
  'http://www.w3.org/2005/05/xmlmime': mimeContent,
  'http://www.w3.org/2004/11/xmlmime': mimeContent,
  'http://www.w3.org/2004/06/xmlmime': mimeContent,
  'http://www.w3.org/2004/08/xop/include': xop,
  'http://www.w3.org/2005/08/addressing': addressing2005,
  'http://schemas.xmlsoap.org/ws/2004/08/addressing': addressing2004,
  'http://schemas.xmlsoap.org/soap/envelope/': envelope11,
  'http://www.w3.org/2003/05/soap-envelope': envelope12,
  'http://schemas.xmlsoap.org/soap/encoding/': encoding11,
  'http://www.w3.org/2003/05/soap-encoding': encoding12,
  // WSDL 1.1 section 2.4 and appendix A 4.1.
  'http://schemas.xmlsoap.org/wsdl/':
    '<xs:attribute name="arrayType" type="xs:string"/><xs:attribute name="required" type="xs:boolean"/>',
  // XML Schema describes itself; as content it is any.
  [xs]: `${element('schema', 'xs:anyType')}`,
}

/** The text of a schema that is known without being read; undefined for the namespaces of others. */
export function standardSchema(namespace: string): string | undefined {
  const body = Object.hasOwn(bodies, namespace) ? bodies[namespace] : undefined
  return body === undefined ? undefined : schema(namespace, body)
}
