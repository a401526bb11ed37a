import { z } from 'zod'
import { address, headersSpec, location, selectionSpec } from './selection.ts'

export const graphqlSpec = z
  .strictObject({
    url: address('http', 'https').describe('The endpoint'),
    schema: location
      .optional()
      .describe('File or URL of the schema (SDL or introspection result); default: introspection'),
    headers: headersSpec,
    operations: selectionSpec.prefault({}),
  })
  .describe('A GraphQL service')

export type GraphqlSpec = z.infer<typeof graphqlSpec>
