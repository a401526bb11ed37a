/** What a gRPC status says (grpc.io, "Status Codes"; google.rpc.Status), as a text that a model can act on. */
import {
  type DescMessage,
  fromBinary,
  type JsonValue,
  type Registry,
  toJson,
} from '@bufbuild/protobuf'
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { AnySchema, anyUnpack } from '@bufbuild/protobuf/wkt'
import { errorDetails } from './error-details.ts'

const detailsMax = 20
const detailCharactersMax = 8_000

const statusNames: readonly string[] = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
]

const credentialAdvice =
  'No argument can mend that: an operator must set a credential that is good for this at this server; "sallyport doctor" says which server.'
const advice: Readonly<Record<string, string>> = {
  UNAUTHENTICATED: `The service does not accept the credential that is configured for it, or wants one. ${credentialAdvice}`,
  PERMISSION_DENIED: `The credential that is configured for this server may not do this. ${credentialAdvice}`,
  RESOURCE_EXHAUSTED:
    'Too much was asked, or too often. Wait before the next try, or ask for less.',
  UNAVAILABLE: 'This may pass. Try again later.',
  ABORTED: 'Something else changed it at the same time. Read it again, then try again.',
  UNIMPLEMENTED: 'The service does not have this method.',
}

export interface Status {
  readonly code: number
  readonly message: string
  /** `grpc-status-details-bin` of the trailers. */
  readonly details: Buffer | undefined
}

/** Name and message first, then the details of the service, then what to do. */
export function statusText(
  { code, message, details }: Status,
  registry: Registry,
  clean: (text: string) => string,
): string {
  const name = statusNames[code] ?? `status ${code}`
  const decoded = details === undefined ? [] : detailsOf(details, registry)
  const json = clean(JSON.stringify(decoded))
  const hint = advice[name]
  return [
    `The service answered ${name} (${code})${message === '' ? '.' : `: ${message}`}`,
    ...(decoded.length === 0
      ? []
      : [
          `Details: ${json.length > detailCharactersMax ? `${json.slice(0, detailCharactersMax)}\u2026` : json}`,
        ]),
    ...(hint === undefined ? [] : [hint]),
  ].join('\n')
}

/** The details of a google.rpc.Status (field 3, `google.protobuf.Any`), as far as their types are known. */
function detailsOf(bytes: Buffer, registry: Registry): readonly JsonValue[] {
  const known = errorDetails()
  try {
    const details: JsonValue[] = []
    const reader = new BinaryReader(bytes)
    while (reader.pos < reader.len && details.length < detailsMax) {
      const [field, type] = reader.tag()
      if (field !== 3 || type !== WireType.LengthDelimited) {
        reader.skip(type)
        continue
      }
      const any = fromBinary(AnySchema, reader.bytes())
      const name = any.typeUrl.slice(any.typeUrl.lastIndexOf('/') + 1)
      const message: DescMessage | undefined = registry.getMessage(name) ?? known.getMessage(name)
      const unpacked = message && anyUnpack(any, message)
      details.push(
        message === undefined || unpacked === undefined
          ? { '@type': any.typeUrl }
          : { '@type': any.typeUrl, ...asObject(toJson(message, unpacked, { registry })) },
      )
    }
    return details
  } catch {
    // Trailers that are no status add nothing to what is said already.
    return []
  }
}

function asObject(value: JsonValue): { [key: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : { value }
}
