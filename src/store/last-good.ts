/**
 * The last good stored state on disk, so that a start without the database serves calls and signs keys in.
 * It holds what the database holds: hashes of keys and references to secrets, nothing plain.
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { replaceFile } from '../kit/durable-file.ts'
import { readStateFile } from '../kit/state-file.ts'
import type { KeyRow, StoredState } from '../model/desired-state.ts'

const format = 1

/** Specs are checked when they are compiled; here they only need to be objects. */
const spec = <T>() =>
  z.custom<T>((value) => typeof value === 'object' && value !== null && !Array.isArray(value))
const specs = <T>() => z.record(z.string(), spec<T>())

const key = z
  .strictObject({
    name: z.string(),
    hash: z.string().regex(/^[0-9a-f]{64}$/),
    hint: z.string(),
    roles: z.array(z.string()),
    user: z.string().optional(),
    teams: z.array(z.string()),
    environment: z.string().optional(),
    createdAt: z.number(),
    expiresAt: z.number().optional(),
    revokedAt: z.number().optional(),
  })
  .transform(
    (row): KeyRow => ({
      ...row,
      user: row.user,
      environment: row.environment,
      expiresAt: row.expiresAt,
      revokedAt: row.revokedAt,
    }),
  )

const stored: z.ZodType<StoredState> = z.strictObject({
  servers: specs<StoredState['servers'][string]>(),
  toolsets: specs<StoredState['toolsets'][string]>(),
  roles: specs<StoredState['roles'][string]>(),
  access: z.array(spec<StoredState['access'][number]>()),
  limits: z.array(spec<StoredState['limits'][number]>()),
  keys: z.array(key),
  version: z.number().int(),
})
const envelope = z.strictObject({
  format: z.literal(format),
  digest: z.string(),
  state: z.string(),
})

/** Writes the state, replacing the file whole. */
export async function writeLastGood(path: string, state: StoredState): Promise<void> {
  const text = JSON.stringify(state)
  await replaceFile(path, JSON.stringify({ format, digest: digestOf(text), state: text }))
}

/** Reads the state. Undefined when there is no file; throws when it is damaged or of another format. */
export async function readLastGood(path: string): Promise<StoredState | undefined> {
  const content = await readStateFile(path)
  if (content === undefined) return undefined
  const { digest, state } = envelope.parse(JSON.parse(content))
  if (digest !== digestOf(state)) throw new Error(`${path} is damaged`)
  return stored.parse(JSON.parse(state))
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
