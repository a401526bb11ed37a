import { z } from 'zod'
import { limitSpec } from '../../model/desired-state.ts'
import { route } from './route.ts'

const explanation = z.object({
  allowed: z.boolean(),
  known: z.boolean().describe('Whether the catalog has it'),
  rule: z.string().describe('The rule that decided'),
  principal: z.string(),
  target: z.string().describe('As rules write it'),
  roles: z.array(z.object({ role: z.string(), via: z.array(z.string()), defined: z.boolean() })),
  matches: z.array(
    z.object({ role: z.string(), effect: z.enum(['allow', 'deny']), pattern: z.string() }),
  ),
  limits: z.array(limitSpec).describe('All that a call of the target is counted against'),
})

export const explain = route({
  id: 'explain',
  method: 'POST',
  path: '/api/explain',
  summary: 'Whether a principal may use something, and by which rule',
  input: z.object({
    principal: z.string().describe('Name of a key, or key:NAME, user:NAME, local'),
    kind: z.enum(['tool', 'prompt', 'resource']).default('tool'),
    server: z.string(),
    name: z.string(),
  }),
  answer: explanation,
})
