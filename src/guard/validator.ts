/**
 * Makes functions of the source that the worker wrote. Compiling here what the worker has proved to
 * end would block every other call for as long again; source costs the main thread only its parse.
 * The source is as trustworthy as what ajv would compile in place: both are ajv's own writing.
 */
import { compileFunction } from 'node:vm'
import type { ErrorObject } from 'ajv'
import { openReportBudget, spend, spendOn } from './budget.ts'
import { linearPattern } from './pattern.ts'

type Check = ((value: unknown) => boolean) & { errors?: readonly ErrorObject[] | null }

/** What the compile worker wrote. A large schema has one text for both. */
export interface ValidatorSource {
  readonly check: string
  readonly report: string
}

/** How much text it is. */
export function sourceChars({ check, report }: ValidatorSource): number {
  return check === report ? report.length : check.length + report.length
}

export interface Validator {
  /** True when the value fits, within the budget that is open. Throws BudgetSpent, or RangeError on a value nested too deeply. */
  check(value: unknown): boolean
  /** The problems of the value that `check` has just refused; at least one. */
  problems(value: unknown): readonly ErrorObject[]
}

const modules: Readonly<Record<string, unknown>> = {
  runtime: { spend, spendOn, allDifferent, linearPattern },
  'ajv/dist/runtime/equal': { default: equal },
  'ajv/dist/runtime/ucs2length': { default: codePoints },
}

/** The check is made at once, the report when a call first needs it. */
export function makeValidator(source: ValidatorSource): Validator {
  const check = instantiate(source.check)
  let report: Check | undefined
  return {
    check,
    problems(value) {
      const first = check.errors ?? []
      if (source.check === source.report) return first
      report ??= instantiate(source.report)
      openReportBudget()
      try {
        report(value)
        return report.errors ?? first
      } catch {
        return first
      }
    },
  }
}

function instantiate(source: string): Check {
  const module: { exports: unknown } = { exports: undefined }
  const load = (name: string) => {
    if (!Object.hasOwn(modules, name)) throw new Error(`a compiled schema asked for ${name}`)
    return modules[name]
  }
  compileFunction(source, ['require', 'module'])(load, module)
  if (!isCheck(module.exports)) throw new TypeError('a compiled schema exports no function')
  return module.exports
}

function isCheck(value: unknown): value is Check {
  return typeof value === 'function'
}

function codePoints(text: string): number {
  let count = text.length
  // A pair of surrogates is one character; ours are well formed, since JSON was scanned before.
  for (let at = 0; at < text.length; at++) if ((text.charCodeAt(at) & 0xfc00) === 0xdc00) count--
  return count
}

/** Equality of JSON values. */
function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const keys = Object.keys(a)
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && equal(Reflect.get(a, key), Reflect.get(b, key)))
  )
}

/** `uniqueItems` in linear time. */
function allDifferent(items: readonly unknown[]): boolean {
  const scalars = new Set<unknown>()
  const others = new Set<string>()
  for (const item of items) {
    if (typeof item === 'object' && item !== null) others.add(canonical(item))
    else scalars.add(item)
  }
  return scalars.size + others.size === items.length
}

/** Equal texts for equal values, whatever the order of their members. */
function canonical(value: unknown): string {
  spend(4)
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, entry]) => `${JSON.stringify(key)}:${canonical(entry)}`).join(',')}}`
}
