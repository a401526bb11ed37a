/** What a text is a description of, told by its content; names of files only settle what content leaves open. */
import type { Document } from '../model/conversion.ts'
import type { ApiKind } from '../model/desired-state.ts'

export interface Detected {
  readonly kind: ApiKind
  /** For people, e.g. `a Postman collection`. */
  readonly what: string
}

/** Formats tell themselves within their first lines; JSON is read as a whole. */
const headLength = 65_536

/** Undefined when it is none that a converter reads. */
export function detect({ text, base64, location }: Document): Detected | undefined {
  if (base64 === true) return ofBytes(Buffer.from(text.slice(0, 64), 'base64'), location)
  const head = text.slice(0, headLength).trimStart()
  if (head.startsWith('{') || head.startsWith('[')) return ofJson(text)
  if (head.startsWith('<')) return ofXml(head)
  if (/^\$?\s*curl(\.exe)?\s/.test(head)) return { kind: 'openapi', what: 'a curl command' }
  return ofYaml(head) ?? ofProto(head, location) ?? ofSdl(head, location)
}

function ofBytes(bytes: Buffer, location: string): Detected | undefined {
  // SQLite file format section 1.3: the header string.
  if (bytes.subarray(0, 16).toString('latin1') === 'SQLite format 3\0')
    return { kind: 'sql', what: 'an SQLite database' }
  // A FileDescriptorSet begins with field 1 of wire type 2 (descriptor.proto, Protocol Buffers encoding).
  return bytes[0] === 0x0a || /\.(pb|binpb|protoset|desc|fds)$/i.test(location)
    ? { kind: 'grpc', what: 'a descriptor set' }
    : undefined
}

function ofJson(text: string): Detected | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // Broken, but of a kind: its converter says what is wrong and where.
    const member = /"(openapi|swagger|asyncapi)"\s*:\s*"/.exec(text.slice(0, headLength))?.[1]
    return member === undefined ? undefined : ofMember(member)
  }
  const named = ['openapi', 'swagger', 'asyncapi'].find((name) => member(value, name) !== undefined)
  if (named !== undefined) return ofMember(named)
  const info = member(value, 'info')
  const schema = member(info, 'schema')
  if (
    Array.isArray(member(value, 'item')) &&
    (member(info, '_postman_id') !== undefined ||
      (typeof schema === 'string' && schema.includes('getpostman.com')))
  )
    return { kind: 'openapi', what: 'a Postman collection' }
  if (Array.isArray(member(member(value, 'log'), 'entries')))
    return { kind: 'openapi', what: 'a HAR file' }
  if ((member(value, '__schema') ?? member(member(value, 'data'), '__schema')) !== undefined)
    return { kind: 'graphql', what: 'a GraphQL introspection result' }
  return undefined
}

function ofMember(name: string): Detected {
  if (name === 'asyncapi') return { kind: 'asyncapi', what: 'an AsyncAPI description' }
  const what = name === 'swagger' ? 'a Swagger description' : 'an OpenAPI description'
  return { kind: 'openapi', what }
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  return Object.getOwnPropertyDescriptor(value, name)?.value
}

function ofXml(head: string): Detected | undefined {
  const isWsdl =
    head.includes('http://schemas.xmlsoap.org/wsdl/') || head.includes('http://www.w3.org/ns/wsdl')
  return isWsdl ? { kind: 'soap', what: 'a WSDL' } : undefined
}

function ofYaml(head: string): Detected | undefined {
  const name = /^["']?(openapi|swagger|asyncapi)["']?[ \t]*:[ \t]/m.exec(head)?.[1]
  return name === undefined ? undefined : ofMember(name)
}

function ofProto(head: string, location: string): Detected | undefined {
  const isProto =
    /^[ \t]*(syntax[ \t]*=[ \t]*["']proto[23]["']|edition[ \t]*=[ \t]*["']\d{4}["'])[ \t]*;/m.test(
      head,
    ) || /\.proto$/i.test(location)
  return isProto ? { kind: 'grpc', what: 'a .proto file' } : undefined
}

function ofSdl(head: string, location: string): Detected | undefined {
  const isSdl =
    /^[ \t]*(extend[ \t]+)?(schema|type[ \t]+\w+|interface[ \t]+\w+|input[ \t]+\w+|enum[ \t]+\w+)[^{\n]*\{/m.test(
      head,
    ) || /\.(graphqls?|gql)$/i.test(location)
  return isSdl ? { kind: 'graphql', what: 'a GraphQL schema' } : undefined
}

/** What an address tells by its form alone, before anything is read. */
export function detectAddress(source: string): Detected | undefined {
  if (/^(postgres|postgresql|mysql|mariadb|sqlite):/i.test(source))
    return { kind: 'sql', what: 'the address of a database' }
  if (/^grpcs?:\/\//i.test(source) || /^[a-z0-9.-]+:\d{1,5}$/i.test(source))
    return { kind: 'grpc', what: 'the address of a gRPC service' }
  return undefined
}
