import { z } from 'zod'
import { location, selectionSpec } from './selection.ts'

export const graphqlSpec = z
  .strictObject({
    url: z.url({ protocol: /^https?$/ }).describe('The endpoint'),
    schema: location
      .optional()
      .describe('File or URL of the schema (SDL or introspection result); default: introspection'),
    headers: z.record(z.string(), z.string()).default({}),
    operations: selectionSpec.prefault({}),
  })
  .describe('A GraphQL service')

export type GraphqlSpec = z.infer<typeof graphqlSpec>
