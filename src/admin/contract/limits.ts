import { z } from 'zod'
import { limitSpec } from '../../model/desired-state.ts'
import { done, nothing, route } from './route.ts'
import { origin } from './servers.ts'

const limitView = z.object({
  id: z.string().optional().describe('What remove takes; declared limits have none'),
  origin,
  per: z.enum(['key', 'user']),
  tool: z.string().optional(),
  calls: z.string().optional(),
  concurrent: z.number().optional(),
})

export const listLimits = route({
  id: 'listLimits',
  method: 'GET',
  path: '/api/limits',
  summary: 'All limits',
  input: nothing,
  answer: z.object({ limits: z.array(limitView) }),
})

export const addLimit = route({
  id: 'addLimit',
  method: 'POST',
  path: '/api/limits',
  summary: 'Add a limit',
  input: z.object({ spec: limitSpec }),
  answer: done,
})

export const removeLimit = route({
  id: 'removeLimit',
  method: 'DELETE',
  path: '/api/limits/{id}',
  summary: 'Remove a stored limit',
  input: z.object({ id: z.string() }),
  answer: done,
})
