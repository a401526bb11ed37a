import { z } from 'zod'
import { desiredState } from '../../model/desired-state.ts'
import { issue } from './errors.ts'
import { nothing, route } from './route.ts'

export const getConfig = route({
  id: 'getConfig',
  method: 'GET',
  path: '/api/config',
  summary: 'The declared file and what is wrong with it',
  input: nothing,
  answer: z.object({ file: z.string().optional(), issues: z.array(issue) }),
})

export const rotateSecrets = route({
  id: 'rotateSecrets',
  method: 'POST',
  path: '/api/secrets/rotate',
  summary: 'Begin a new sealing key; older ones go on opening what they sealed',
  input: nothing,
  answer: z.object({
    current: z.string().describe('Id of the new key'),
    kept: z.array(z.string()).describe('Ids of keys that still open'),
  }),
})

/** JSON Schema of `sallyport.yaml`, for editors. */
export function configurationSchema(): Record<string, unknown> {
  return { ...z.toJSONSchema(desiredState, { io: 'input' }), title: 'sallyport.yaml' }
}
