import { z } from 'zod'
import { accessSpec } from '../../model/desired-state.ts'
import { done, nothing, route } from './route.ts'
import { origin } from './servers.ts'

const accessView = z.object({
  id: z.string().optional().describe('What remove takes; declared entries have none'),
  origin,
  key: z.string().optional(),
  user: z.string().optional(),
  team: z.string().optional(),
  roles: z.array(z.string()),
  environments: z.array(z.string()).optional(),
})

export const listAccess = route({
  id: 'listAccess',
  method: 'GET',
  path: '/api/access',
  summary: 'Who holds which roles',
  input: nothing,
  answer: z.object({ access: z.array(accessView) }),
})

export const grantAccess = route({
  id: 'grantAccess',
  method: 'POST',
  path: '/api/access',
  summary: 'Bind roles to a key, user, team or environment',
  input: z.object({ spec: accessSpec }),
  answer: done,
})

export const removeAccess = route({
  id: 'removeAccess',
  method: 'DELETE',
  path: '/api/access/{id}',
  summary: 'Take stored access away',
  input: z.object({ id: z.string() }),
  answer: done,
})

export type AccessView = z.output<typeof accessView>
