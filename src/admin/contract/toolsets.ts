import { z } from 'zod'
import { serverName, toolsetSpec } from '../../model/desired-state.ts'
import { done, nothing, route } from './route.ts'
import { origin } from './servers.ts'

const toolsetView = z.object({
  name: z.string(),
  origin,
  endpoint: z.string(),
  description: z.string().optional(),
  include: z.array(z.string()),
  exclude: z.array(z.string()),
})

export const listToolsets = route({
  id: 'listToolsets',
  method: 'GET',
  path: '/api/toolsets',
  summary: 'All toolsets',
  input: nothing,
  answer: z.object({ toolsets: z.array(toolsetView) }),
})

export const setToolset = route({
  id: 'setToolset',
  method: 'PUT',
  path: '/api/toolsets/{name}',
  summary: 'Write a toolset; what was there under that name is replaced',
  input: z.object({ name: serverName, spec: toolsetSpec }),
  answer: done,
})

export const removeToolset = route({
  id: 'removeToolset',
  method: 'DELETE',
  path: '/api/toolsets/{name}',
  summary: 'Remove a stored toolset',
  input: z.object({ name: z.string() }),
  answer: done,
})
