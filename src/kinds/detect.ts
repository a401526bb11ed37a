/** What a text is a description of, told by its content; names of files only settle what content leaves open. */
import { type JsonMember, scanObject } from '../kit/json-scan.ts'
import type { Document } from '../model/conversion.ts'
import type { ApiKind } from '../model/desired-state.ts'

export interface Detected {
  readonly kind: ApiKind
  /** For people, e.g. `a Postman collection`. */
  readonly what: string
}

/** Formats tell themselves within their first lines; JSON is scanned as a whole. */
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

/** Which members of JSON tell what it is; only their places are kept. */
const telling = { info: {}, log: {}, data: {} }

function ofJson(text: string): Detected | undefined {
  let members: readonly JsonMember[]
  try {
    members = scanObject(text, telling, { depthMax: 1_000, refuseDuplicates: false })
  } catch {
    // Broken, but of a kind: its converter says what is wrong and where.
    const member = /"(openapi|swagger|asyncapi)"\s*:\s*"/.exec(text.slice(0, headLength))?.[1]
    return member === undefined ? undefined : ofMember(member)
  }
  const named = ['openapi', 'swagger', 'asyncapi'].find((name) => find(members, name))
  if (named !== undefined) return ofMember(named)
  const info = find(members, 'info')
  const schema = find(info?.members, 'schema')
  const isPostman =
    find(info?.members, '_postman_id') !== undefined ||
    (schema !== undefined && text.slice(schema.start, schema.end).includes('getpostman.com'))
  if (isPostman && find(members, 'item') !== undefined)
    return { kind: 'openapi', what: 'a Postman collection' }
  if (find(find(members, 'log')?.members, 'entries') !== undefined)
    return { kind: 'openapi', what: 'a HAR file' }
  const data = find(members, 'data')
  return (find(members, '__schema') ?? find(data?.members, '__schema')) === undefined
    ? undefined
    : { kind: 'graphql', what: 'a GraphQL introspection result' }
}

function find(members: readonly JsonMember[] | undefined, key: string): JsonMember | undefined {
  return members?.find((member) => member.key === key)
}

function ofMember(name: string): Detected {
  if (name === 'asyncapi') return { kind: 'asyncapi', what: 'an AsyncAPI description' }
  const what = name === 'swagger' ? 'a Swagger description' : 'an OpenAPI description'
  return { kind: 'openapi', what }
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
