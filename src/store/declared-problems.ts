/** What a schema says about a configuration, in words for the person who wrote it. */
import { z } from 'zod'
import { nearest } from '../kit/nearest.ts'

type ZodIssue = z.core.$ZodIssue

export interface Problem {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

/** One problem for each thing that is wrong; unknown keys get one each. */
export function problemsOf(
  issues: readonly ZodIssue[],
  schema: z.core.$ZodType,
  value: unknown,
): Problem[] {
  return issues.flatMap((issue) => problemsOfOne(issue, [], schema, value))
}

function problemsOfOne(
  issue: ZodIssue,
  above: readonly PropertyKey[],
  schema: z.core.$ZodType,
  root: unknown,
): Problem[] {
  const path = [...above, ...issue.path]
  const received = valueAt(root, path)
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, path)
    return issue.keys.map((key) => ({ path: [...path, key], message: unknownKey(key, known) }))
  }
  if (issue.code === 'invalid_union') {
    const branch = likeliest(issue.errors)
    return branch.flatMap((inner) => problemsOfOne(inner, path, schema, root))
  }
  return [{ path, message: messageOf(issue, received) }]
}

/** The alternative that was most likely meant: the one with the fewest things wrong. */
function likeliest(branches: readonly (readonly ZodIssue[])[]): readonly ZodIssue[] {
  const weight = (branch: readonly ZodIssue[]) =>
    branch.reduce(
      (sum, issue) => sum + (issue.code === 'unrecognized_keys' ? issue.keys.length : 1),
      0,
    )
  return [...branches].sort((a, b) => weight(a) - weight(b))[0] ?? []
}

function messageOf(issue: ZodIssue, received: unknown): string {
  switch (issue.code) {
    case 'invalid_type':
      if (received === undefined) return `is missing; it must be ${wordFor(issue.expected)}`
      if (issue.expected === 'int' && typeof received === 'number') return 'must be a whole number'
      return `must be ${wordFor(issue.expected)}, not ${wordFor(kindOf(received))}`
    case 'invalid_value': {
      const choices = issue.values.map(String)
      const meant = typeof received === 'string' ? nearest(received, choices) : undefined
      return `must be ${listed(choices)}${meant === undefined ? '' : `; did you mean ${meant}?`}`
    }
    case 'invalid_format':
      if (issue.format !== 'regex') return `must be a valid ${issue.format}`
      return `must be ${issue.message}`
    case 'invalid_key':
      return `is no valid name: ${issue.issues[0]?.message ?? issue.message}`
    case 'too_small':
      return sized(issue.origin, 'at least', issue.minimum)
    case 'too_big':
      return sized(issue.origin, 'at most', issue.maximum)
    default:
      return issue.message
  }
}

function sized(origin: string, bound: string, limit: number | bigint): string {
  if (origin === 'string')
    return limit === 1 ? 'must not be empty' : `must have ${bound} ${limit} characters`
  if (origin === 'array') return `must have ${bound} ${limit} ${limit === 1 ? 'entry' : 'entries'}`
  return `must be ${bound} ${limit}`
}

const words: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
  null: 'empty',
}

function wordFor(kind: string): string {
  return words[kind] ?? kind
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}

function listed(choices: readonly string[]): string {
  if (choices.length < 2) return choices.join('')
  return `${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}`
}

function unknownKey(key: string, known: readonly string[]): string {
  const meant = nearest(key, known)
  if (meant !== undefined) return `unknown key "${key}"; did you mean ${meant}?`
  return known.length === 0
    ? `unknown key "${key}"`
    : `unknown key "${key}"; known here: ${known.join(', ')}`
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value = root
  for (const step of path) {
    if (typeof value !== 'object' || value === null) return undefined
    value = Object.getOwnPropertyDescriptor(value, step)?.value
  }
  return value
}

/** Names that the schema knows at a path; of alternatives, all of theirs. */
function keysAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): string[] {
  let schemas = unwrap(schema)
  for (const step of path) schemas = schemas.flatMap((at) => below(at, step).flatMap(unwrap))
  return [
    ...new Set(schemas.flatMap((at) => (at instanceof z.ZodObject ? Object.keys(at.shape) : []))),
  ]
}

/** Schemas behind wrappers (default, optional) and alternatives. */
function unwrap(schema: z.core.$ZodType): z.core.$ZodType[] {
  if (schema instanceof z.ZodUnion) return schema.options.flatMap(unwrap)
  if (
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable
  )
    return unwrap(schema.unwrap())
  return [schema]
}

function below(schema: z.core.$ZodType, step: PropertyKey): z.core.$ZodType[] {
  if (schema instanceof z.ZodRecord) return [schema.valueType]
  if (schema instanceof z.ZodArray) return [schema.element]
  if (!(schema instanceof z.ZodObject)) return []
  const member: unknown = schema.shape[String(step)]
  return member instanceof z.ZodType ? [member] : []
}
