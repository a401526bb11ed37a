/** Merges what is declared in the file with what the administration stored. */
import type { z } from 'zod'
import {
  accessSpec,
  type DesiredState,
  type Issue,
  limitSpec,
  roleSpec,
  type StoredState,
  serverNamePattern,
  serverSpec,
  toolsetSpec,
  wordPattern,
} from '../model/desired-state.ts'
import { problemsOf } from './declared-problems.ts'

export interface Merged {
  readonly state: DesiredState
  /** What was left out, and why. */
  readonly issues: readonly Issue[]
}

/** The declared file wins over a stored object of the same name; stored objects that are not valid stay out. */
export function storedToDesired(declared: DesiredState, stored: StoredState): Merged {
  const issues: Issue[] = []
  const complain = (path: readonly PropertyKey[], message: string) =>
    issues.push({
      path: path.map(String).join('.'),
      message,
      file: undefined,
      line: undefined,
      column: undefined,
    })
  const check = <T>(
    path: readonly PropertyKey[],
    schema: z.ZodType<T>,
    value: unknown,
  ): T | undefined => {
    const parsed = schema.safeParse(value)
    if (parsed.success) return parsed.data
    for (const problem of problemsOf(parsed.error.issues, schema, value))
      complain([...path, ...problem.path], problem.message)
    return undefined
  }
  const named = <T>(
    kind: string,
    from: Readonly<Record<string, T>>,
    more: Readonly<Record<string, unknown>>,
    names: RegExp,
    schema: z.ZodType<T>,
  ): Record<string, T> => {
    const merged = new Map(Object.entries(from))
    for (const [name, value] of Object.entries(more)) {
      if (merged.has(name))
        complain([kind, name], 'is declared in the file and stored; the file wins')
      else if (!names.test(name)) complain([kind, name], 'is no valid name')
      else {
        const spec = check([kind, name], schema, value)
        if (spec !== undefined) merged.set(name, spec)
      }
    }
    return Object.fromEntries(merged)
  }
  const listed = <T>(
    kind: string,
    from: readonly T[],
    more: readonly unknown[],
    schema: z.ZodType<T>,
  ): T[] => [
    ...from,
    ...more.flatMap((value, index) => check([kind, `stored-${index}`], schema, value) ?? []),
  ]
  const state = {
    ...declared,
    servers: named('servers', declared.servers, stored.servers, serverNamePattern, serverSpec),
    toolsets: named('toolsets', declared.toolsets, stored.toolsets, serverNamePattern, toolsetSpec),
    roles: named('roles', declared.roles, stored.roles, wordPattern, roleSpec),
    access: listed('access', declared.access, stored.access, accessSpec),
    limits: listed('limits', declared.limits, stored.limits, limitSpec),
  }
  return { state, issues }
}
