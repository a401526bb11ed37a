/** What may be stored: the table of each kind, and the store's own look at every object it is given. */
import { createHash } from 'node:crypto'
import type { z } from 'zod'
import {
  accessSpec,
  limitSpec,
  roleSpec,
  serverNamePattern,
  serverSpec,
  toolsetSpec,
  wordPattern,
} from '../model/desired-state.ts'
import { GatewayError } from '../model/refusal.ts'
import { plainSecrets } from './plain-secrets.ts'
import type { StoredKind } from './store.ts'

interface Kind {
  readonly table: 'servers' | 'toolsets' | 'roles' | 'access' | 'limits'
  readonly schema: z.ZodType
  /** Undefined: the store gives the name. */
  readonly names: RegExp | undefined
}

export const kinds: Readonly<Record<StoredKind, Kind>> = {
  server: { table: 'servers', schema: serverSpec, names: serverNamePattern },
  toolset: { table: 'toolsets', schema: toolsetSpec, names: serverNamePattern },
  role: { table: 'roles', schema: roleSpec, names: wordPattern },
  access: { table: 'access', schema: accessSpec, names: undefined },
  limit: { table: 'limits', schema: limitSpec, names: undefined },
}

/** Returns what to store, or refuses it: a valid spec under a valid name, with no plain secret in it. */
export function check(
  kind: StoredKind,
  name: string,
  value: unknown,
): { name: string; spec: string } {
  const { schema, names } = kinds[kind]
  const wrong = (hint: string) => new GatewayError('params_invalid', { detail: hint, hint })
  const parsed = schema.safeParse(value)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw wrong(`${kind} ${name}: ${issue?.path.join('.')}: ${issue?.message}.`)
  }
  const spec = JSON.stringify(value)
  if (names !== undefined && !names.test(name)) throw wrong(`"${name}" is no name for a ${kind}.`)
  const [plain] = kind === 'server' ? plainSecrets(value) : []
  if (plain !== undefined)
    throw wrong(`${kind} ${name}: ${plain} must be a reference, \${ENV_NAME} or file:PATH.`)
  if (names !== undefined || name !== '') return { name, spec }
  return { name: contentId(value), spec }
}

/** The id of an entry that has no name. */
export function contentId(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 12)
}
