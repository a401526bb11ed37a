import { z } from 'zod'
import { headersSpec, location, selectionSpec } from './selection.ts'

const streamSpec = z
  .strictObject({
    messages: z
      .int()
      .min(1)
      .max(10_000)
      .default(100)
      .describe('After how many messages a stream is closed'),
    seconds: z.int().min(1).max(3_600).default(30).describe('After how many seconds it is closed'),
  })
  .describe('How much is taken of a server stream')

export const grpcSpec = z
  .strictObject({
    address: z
      .string()
      .min(1)
      .describe('host:port or grpcs://host:port with TLS; grpc://host:port without'),
    plaintext: z.boolean().default(false).describe('No TLS at host:port'),
    serverName: z
      .string()
      .min(1)
      .optional()
      .describe('Name in the certificate of the server; default: the host'),
    proto: location
      .optional()
      .describe('A .proto file or a descriptor set; default: server reflection'),
    root: location
      .optional()
      .describe(
        'Folder or URL that imports start at; default: found from the file and its package',
      ),
    headers: headersSpec.describe('Metadata that goes with every call'),
    stream: streamSpec.prefault({}),
    operations: selectionSpec.prefault({}),
  })
  .describe('A gRPC service')

export type GrpcSpec = z.infer<typeof grpcSpec>

/** Descriptors of all messages, so that the executor reads no description. */
export interface GrpcCommon {
  /** Base64 of a `google.protobuf.FileDescriptorSet`, imports before what imports them. */
  readonly files: string
}

export interface GrpcPlan {
  /** `/package.Service/Method`. */
  readonly path: string
  /** Full names of messages. */
  readonly input: string
  readonly output: string
  readonly stream: boolean
  /** The JSON form of the message is no object: it stands in a property `value`. */
  readonly inputWrapped: boolean
  readonly outputWrapped: boolean
  /** May be sent again when it cannot have been carried out twice. */
  readonly repeatable: boolean
}
