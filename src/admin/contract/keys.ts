import { z } from 'zod'
import { durationMs, word } from '../../model/desired-state.ts'
import { done, nothing, route } from './route.ts'

const idText = 'Never given twice; the journal has it as principalId'

const keyView = z.object({
  id: z.string().describe(idText),
  name: z.string(),
  hint: z.string().describe('The first characters'),
  state: z.enum(['valid', 'expired', 'revoked']),
  roles: z.array(z.string()).describe('Bound to the key itself'),
  allRoles: z.array(z.string()).describe('With those that access entries add'),
  user: z.string().optional(),
  teams: z.array(z.string()),
  environment: z.string().optional(),
  createdAt: z.number(),
  expiresAt: z.number().optional(),
})

export const listKeys = route({
  id: 'listKeys',
  method: 'GET',
  path: '/api/keys',
  summary: 'All keys; never their text',
  input: nothing,
  answer: z.object({ keys: z.array(keyView) }),
})

export const createKey = route({
  id: 'createKey',
  method: 'POST',
  path: '/api/keys',
  summary: 'Make a key; its text is answered this once',
  input: z.object({
    name: word,
    roles: z.array(word).default([]),
    user: word.optional(),
    teams: z.array(word).default([]),
    environment: word.optional(),
    expires: z
      .string()
      .refine((text) => (durationMs(text) ?? 0) > 0, 'must be a duration such as 12h or 30d')
      .optional(),
  }),
  answer: z.object({
    key: z.string(),
    id: z.string().describe(idText),
    name: z.string(),
    roles: z.array(z.string()).describe('With those that access entries add'),
    expiresAt: z.number().optional(),
    sees: z.array(z.string()).describe('Servers at which the key may use something'),
    grant: z.array(z.string()).describe('Commands that let it see something, when it sees nothing'),
    warnings: z.array(z.string()),
  }),
})

export const revokeKey = route({
  id: 'revokeKey',
  method: 'DELETE',
  path: '/api/keys/{name}',
  summary: 'Revoke a key at once',
  input: z.object({ name: z.string() }),
  answer: done,
})

export type KeyView = z.output<typeof keyView>
