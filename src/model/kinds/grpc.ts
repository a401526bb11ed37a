import { z } from 'zod'
import { location, selectionSpec } from './selection.ts'

export const grpcSpec = z
  .strictObject({
    address: z.string().min(1).describe('host:port'),
    proto: location
      .optional()
      .describe('A .proto file or a descriptor set; default: server reflection'),
    operations: selectionSpec.prefault({}),
  })
  .describe('A gRPC service')

export type GrpcSpec = z.infer<typeof grpcSpec>
