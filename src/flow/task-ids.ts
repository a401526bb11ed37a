/** Public ids of tasks: sealed boxes that only the principal that made the task can use. */
import { z } from 'zod'
import type { KeyRing } from '../kit/key-ring.ts'
import type { Rooms } from './rooms.ts'

const purpose = 'task'
/** Servers may keep tasks without end; ids must not be valid for ever. */
const lifeMs = 30 * 86_400_000
const sealedCharsMax = 4_096

const box = z.tuple([z.string(), z.string(), z.string(), z.string(), z.number()])

export function taskIds(ring: KeyRing, now: () => number): Rooms['tasks'] {
  return {
    seal: (principalId, { server, tool, task }) =>
      ring.seal(purpose, JSON.stringify([principalId, server, tool, task, now() + lifeMs])),
    open(principalId, sealed) {
      const text = sealed.length > sealedCharsMax ? undefined : ring.open(purpose, sealed)
      if (text === undefined) return undefined
      const [owner, server, tool, task, expiresAt] = box.parse(JSON.parse(text))
      return owner === principalId && expiresAt > now() ? { server, tool, task } : undefined
    },
  }
}
