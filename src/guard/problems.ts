/** Says what is wrong with arguments so that a model can mend them in one go. */

import type { ErrorObject } from 'ajv'
import { namedBy } from '../kit/json-pointer.ts'
import { expectation } from './expectation.ts'
import { escapePointer, placeKeyword } from './schema.ts'
import { cut, describeValue, isObject, shownChars } from './value-text.ts'

/** One problem of a call's arguments. */
export interface Problem {
  /** JSON pointer; empty for the arguments as a whole. */
  readonly path: string
  readonly expected: string
  /** Type and shortened value. */
  readonly got: string
  readonly hint: string | undefined
}

const problemsMax = 5
const errorsMax = 1_000

/** The text for the model: at most five problems, a line each. */
export function describeProblems(errors: readonly ErrorObject[], args: unknown): string {
  const { problems, more } = readProblems(errors, args)
  const lines = problems.map(({ path, expected, got, hint }) => {
    const place = path === '' ? 'arguments' : path
    return `- ${place}: expected ${expected}, got ${got}.${hint === undefined ? '' : ` ${hint}`}`
  })
  if (more > 0) lines.push(`- and ${more} more`)
  return `Problems:\n${lines.join('\n')}\n`
}

/** The first five problems in the order of the schema, alternatives reduced to the one that fits best. */
function readProblems(
  errors: readonly ErrorObject[],
  args: unknown,
): { readonly problems: readonly Problem[]; readonly more: number } {
  const problems = new Map<string, Problem>()
  let more = 0
  for (const error of withoutLostBranches(errors.slice(0, errorsMax))) {
    if (problems.size === problemsMax) {
      more++
      continue
    }
    const problem = readProblem(error, args)
    problems.set(`${problem.path} ${problem.expected}`, problem)
  }
  return { problems: [...problems.values()], more }
}

/**
 * `anyOf` and `oneOf` report the problems of every branch and then themselves. Kept are those of the
 * branch that was probably meant: it has the right type and constants, and fewest problems.
 */
function withoutLostBranches(errors: readonly ErrorObject[]): ErrorObject[] {
  const kept: ErrorObject[] = []
  for (const error of errors) {
    if (error.keyword === 'if') continue
    const branches = new Map<number, ErrorObject[]>()
    if (error.keyword === 'anyOf' || error.keyword === 'oneOf') takeBranches(kept, error, branches)
    const best = [...branches.values()].reduce<ErrorObject[] | undefined>(
      (least, branch) =>
        mismatches(branch, error) === 0 && branch.length < (least?.length ?? Infinity)
          ? branch
          : least,
      undefined,
    )
    if (best === undefined) kept.push(error)
    else kept.push(...best)
  }
  return kept
}

function takeBranches(
  kept: ErrorObject[],
  parent: ErrorObject,
  branches: Map<number, ErrorObject[]>,
): void {
  let branch = -1
  for (let last = kept.at(-1); last !== undefined; last = kept.at(-1)) {
    const known = branchOf(last, parent)
    // Further references lead elsewhere, but stay below the value and between problems of their branch.
    const below = last.instancePath.startsWith(`${parent.instancePath}/`)
    if (known < 0 && (branch < 0 || !below)) return
    if (known >= 0) branch = known
    kept.pop()
    branches.set(branch, [last, ...(branches.get(branch) ?? [])])
  }
}

function branchOf(error: ErrorObject, parent: ErrorObject): number {
  if (!error.instancePath.startsWith(parent.instancePath)) return -1
  const branches: unknown = parent.schema
  if (!Array.isArray(branches)) return -1
  const place = `${placeOf(error)}/`
  return branches.findIndex((branch: unknown, index) => {
    if (place.startsWith(`${placeOf(parent)}/${parent.keyword}/${index}/`)) return true
    const ref = isObject(branch) ? branch['$ref'] : undefined
    return typeof ref === 'string' && ref.startsWith('#/') && place.startsWith(`${ref.slice(1)}/`)
  })
}

function placeOf(error: ErrorObject): string {
  const schema: unknown = error.parentSchema
  return isObject(schema) ? String(schema[placeKeyword]) : ''
}

/** Problems that say that a branch was not meant at all: another type, or another tag. */
function mismatches(branch: readonly ErrorObject[], parent: ErrorObject): number {
  return branch.filter(
    ({ keyword, instancePath }) =>
      (keyword === 'type' && instancePath === parent.instancePath) ||
      (keyword === 'const' && instancePath.lastIndexOf('/') <= parent.instancePath.length),
  ).length
}

function readProblem(error: ErrorObject, args: unknown): Problem {
  const value = at(args, error.instancePath)
  const { expected, hint, member } = expectation(error, value)
  const path =
    member === undefined
      ? error.instancePath
      : `${error.instancePath}/${escapePointer(cut(member, shownChars))}`
  const got =
    member === undefined
      ? describeValue(value)
      : describeValue(isObject(value) ? value[member] : undefined)
  return { path, expected: cut(expected, 160), got, hint }
}

function at(value: unknown, pointer: string): unknown {
  let place = value
  for (const part of pointer.split('/').slice(1)) {
    if (typeof place !== 'object' || place === null) return undefined
    const key = namedBy(part)
    place = Object.hasOwn(place, key) ? Reflect.get(place, key) : undefined
  }
  return place
}
