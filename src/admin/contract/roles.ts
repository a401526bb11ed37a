import { z } from 'zod'
import { roleSpec, word } from '../../model/desired-state.ts'
import { done, nothing, route } from './route.ts'

const roleView = z.object({
  name: z.string(),
  origin: z.enum(['built-in', 'declared', 'stored']),
  description: z.string().optional(),
  allow: z.array(z.string()),
  deny: z.array(z.string()),
})

export const listRoles = route({
  id: 'listRoles',
  method: 'GET',
  path: '/api/roles',
  summary: 'All roles',
  input: nothing,
  answer: z.object({ roles: z.array(roleView) }),
})

export const setRole = route({
  id: 'setRole',
  method: 'PUT',
  path: '/api/roles/{name}',
  summary: 'Write a role; what was there under that name is replaced',
  input: z.object({ name: word, spec: roleSpec }),
  answer: done,
})

export const removeRole = route({
  id: 'removeRole',
  method: 'DELETE',
  path: '/api/roles/{name}',
  summary: 'Remove a stored role that nothing uses',
  input: z.object({ name: z.string() }),
  answer: done,
})
