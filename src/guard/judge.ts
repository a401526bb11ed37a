/** Judges the arguments of one call by a compiled schema: on the main thread when that is quick, else in a worker. */
import type { HeaderParam } from '../model/target.ts'
import { BudgetSpent, openBudget } from './budget.ts'
import { describeProblems } from './problems.ts'
import type { Validator } from './validator.ts'

/** `detail` names places only: the values belong to the caller, not into logs. `hint` is for the model. */
export type Judgement =
  | { readonly kind: 'fits' }
  | { readonly kind: 'refused'; readonly detail: string; readonly hint: string }

/** Beyond it, arguments are not even parsed on the main thread, in characters. */
const quickCharsMax = 65_536
const quickSteps = 200_000
const quickStepsPerChar = 4
const stepsBase = 1_000_000
const stepsPerChar = 8

/** True when the arguments are known to fit; false says that it takes more to judge them, or to say what is wrong. */
export function fitsQuickly(
  validator: Validator,
  text: string,
  headerParams: readonly HeaderParam[],
): boolean {
  if (text.length > quickCharsMax) return false
  openBudget(quickSteps + quickStepsPerChar * text.length)
  try {
    return validator.check(parseArguments(text, headerParams))
  } catch {
    return false
  }
}

/** Judges arguments whatever that takes, within a budget, and says what is wrong with them. */
export function judgeArguments(
  validator: Validator,
  text: string,
  headerParams: readonly HeaderParam[],
): Judgement {
  let value: unknown
  try {
    value = parseArguments(text, headerParams)
  } catch {
    return { kind: 'refused', detail: 'not valid JSON', hint: 'They are not valid JSON.' }
  }
  openBudget(stepsBase + stepsPerChar * text.length)
  try {
    if (validator.check(value)) return { kind: 'fits' }
  } catch (error) {
    if (!(error instanceof BudgetSpent) && !(error instanceof RangeError)) throw error
    return tooCostly(error.message)
  }
  const errors = validator.problems(value)
  const detail = errors
    .slice(0, 5)
    .map((error) => `${error.keyword} at ${error.schemaPath}`)
    .join(', ')
    .slice(0, 500)
  return { kind: 'refused', detail, hint: describeProblems(errors, value) }
}

/** What is said of arguments that nobody can check in the time that a check may take. */
export function tooCostly(detail: string): Judgement {
  const hint = 'They are too large or too deeply nested to be checked: send less at once.'
  return { kind: 'refused', detail, hint }
}

/**
 * Numbers become doubles here, so bounds are judged as doubles are: an integer beyond 2^53 stays an
 * integer and may pass a bound that it misses by less than a double can tell. What leaves is the text.
 */
function parseArguments(text: string, headerParams: readonly HeaderParam[]): unknown {
  const value: unknown = JSON.parse(text)
  // Without this literal nothing in them is null.
  if (headerParams.length > 0 && text.includes('null')) forgetNulls(value, headerParams)
  return value
}

/** `null` for an argument that is also a header says that it is absent (MCP 2026-07-28 server/tools, `x-mcp-header`). */
function forgetNulls(args: unknown, params: readonly HeaderParam[]): void {
  for (const { path } of params) {
    let holder = args
    for (const key of path.slice(0, -1)) holder = memberOf(holder, key)
    const last = path.at(-1)
    if (last !== undefined && memberOf(holder, last) === null && typeof holder === 'object')
      Reflect.deleteProperty(holder ?? {}, last)
  }
}

function memberOf(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
  const member: unknown = Reflect.get(value, key)
  return member
}
