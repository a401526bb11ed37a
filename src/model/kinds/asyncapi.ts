import { z } from 'zod'
import { address, headersSpec, location, selectionSpec } from './selection.ts'

export const asyncapiSpec = z
  .strictObject({
    spec: location.describe('File or URL of the description'),
    url: address('ws', 'wss', 'http', 'https')
      .optional()
      .describe('Where to connect; default: the first server of the description'),
    headers: headersSpec,
    operations: selectionSpec.prefault({}),
  })
  .describe('A WebSocket or SSE service with an AsyncAPI description')

export type AsyncApiSpec = z.infer<typeof asyncapiSpec>
