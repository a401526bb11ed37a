import { z } from 'zod'
import { location, selectionSpec } from './selection.ts'

export const asyncapiSpec = z
  .strictObject({
    spec: location.describe('File or URL of the description'),
    url: z
      .url({ protocol: /^(wss?|https?)$/ })
      .optional()
      .describe('Where to connect; default: the first server of the description'),
    headers: z.record(z.string(), z.string()).default({}),
    operations: selectionSpec.prefault({}),
  })
  .describe('A WebSocket or SSE service with an AsyncAPI description')

export type AsyncApiSpec = z.infer<typeof asyncapiSpec>
