import { z } from 'zod'
import { headersSpec, location, selectionSpec } from './selection.ts'

export const grpcSpec = z
  .strictObject({
    address: z.string().min(1).describe('host:port'),
    proto: location
      .optional()
      .describe('A .proto file or a descriptor set; default: server reflection'),
    headers: headersSpec.describe('Metadata that goes with every call'),
    operations: selectionSpec.prefault({}),
  })
  .describe('A gRPC service')

export type GrpcSpec = z.infer<typeof grpcSpec>
