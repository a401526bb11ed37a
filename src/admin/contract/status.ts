import { z } from 'zod'
import { issue } from './errors.ts'
import { nothing, route } from './route.ts'

export const getStatus = route({
  id: 'getStatus',
  method: 'GET',
  path: '/api/status',
  summary: 'The gateway itself',
  input: nothing,
  answer: z.object({
    version: z.string(),
    endpoint: z.string().optional().describe('URL of /mcp; absent while nothing listens'),
    insecureLocal: z.string().optional().describe('The role that callers without a key act in'),
    environment: z.string(),
    storeReady: z.boolean(),
    issues: z.array(issue).describe('What is wrong with the configuration at the moment'),
  }),
})
