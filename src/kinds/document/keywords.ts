/** Single keywords of JSON Schema as descriptions write them, repaired where what is meant is plain. */
import { RE2JS } from 're2js'
import { hasNamedBackReference } from '../../kit/back-reference.ts'
import { isObject, type JsonDraft, type JsonObject, jsonOf, memberOf } from './json.ts'

const types = new Set(['string', 'number', 'integer', 'boolean', 'object', 'array', 'null'])
/** What authors write for the seven types of JSON Schema. */
const typeWords: Readonly<Record<string, string | null>> = {
  int: 'integer',
  int32: 'integer',
  int64: 'integer',
  long: 'integer',
  float: 'number',
  double: 'number',
  decimal: 'number',
  numeric: 'number',
  bool: 'boolean',
  str: 'string',
  text: 'string',
  uuid: 'string',
  date: 'string',
  datetime: 'string',
  'date-time': 'string',
  timestamp: 'string',
  file: 'string',
  list: 'array',
  map: 'object',
  dict: 'object',
  hash: 'object',
  any: null,
}

/** Types that are known; `unknown` holds words that say nothing. Empty types: any value. */
export function readTypes(raw: unknown): {
  readonly types: readonly string[]
  readonly unknown: readonly string[]
} {
  const found: string[] = []
  const strange: string[] = []
  for (const entry of Array.isArray(raw) ? raw : [raw]) {
    const word = typeof entry === 'string' ? entry : entry === null ? 'null' : String(entry)
    const lower = word.trim().toLowerCase()
    const known = types.has(lower)
      ? lower
      : Object.hasOwn(typeWords, lower)
        ? typeWords[lower]
        : undefined
    if (known === null) return { types: [], unknown: [] }
    if (known === undefined) strange.push(word.slice(0, 40))
    else if (!found.includes(known)) found.push(known)
  }
  return { types: found, unknown: strange }
}

/** A number, also one written as text. */
function readNumber(raw: unknown): number | undefined {
  const value = typeof raw === 'string' && raw.trim() !== '' ? Number(raw) : raw
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

/** Bounds of numbers. Until 3.0 `exclusiveMinimum` was a boolean that made `minimum` itself exclusive. */
export function addBounds(value: JsonObject, result: JsonDraft): void {
  for (const [bound, exclusive] of [
    ['maximum', 'exclusiveMaximum'],
    ['minimum', 'exclusiveMinimum'],
  ] as const) {
    const plain = readNumber(memberOf(value, bound))
    const strict = memberOf(value, exclusive)
    const strictNumber = typeof strict === 'boolean' ? undefined : readNumber(strict)
    if (strict === true && plain !== undefined) result[exclusive] = plain
    else if (plain !== undefined) result[bound] = plain
    if (strictNumber !== undefined) result[exclusive] = strictNumber
  }
  const step = readNumber(memberOf(value, 'multipleOf'))
  if (step !== undefined && step > 0) result['multipleOf'] = step
}

export function readCount(raw: unknown): number | undefined {
  const value = readNumber(raw)
  return value !== undefined && value >= 0 && Number.isSafeInteger(value) ? value : undefined
}

const enumValueCharsMax = 1_000

/**
 * Values of an `enum` in the type that the schema names: YAML turns `yes`, `1` and `null` into something else, and
 * no argument could ever fit `type: string` with `enum: [1, 2]`. Undefined: nothing that could fit is left.
 */
export function readEnum(raw: unknown, allowed: readonly string[]): readonly unknown[] | undefined {
  const values: readonly unknown[] = Array.isArray(raw) ? raw : isObject(raw) ? [] : [raw]
  const known = new Set<string>()
  const result: unknown[] = []
  for (const value of values) {
    const fitting = fit(value, allowed)
    const key = jsonOf(fitting)
    if (key === undefined || key.length > enumValueCharsMax || known.has(key)) continue
    known.add(key)
    result.push(fitting)
  }
  return result.length === 0 ? undefined : result
}

function fit(value: unknown, allowed: readonly string[]): unknown {
  if (allowed.length === 0 || allowed.includes(typeOf(value))) return value
  if (Number.isInteger(value) && allowed.includes('number')) return value
  if (typeof value === 'string') {
    const number = readNumber(value)
    if (number !== undefined && (allowed.includes('number') || Number.isInteger(number)))
      if (allowed.includes('number') || allowed.includes('integer')) return number
    if (allowed.includes('boolean') && /^(true|false)$/i.test(value))
      return value.toLowerCase() === 'true'
  }
  if (allowed.includes('string') && (typeof value === 'number' || typeof value === 'boolean'))
    return String(value)
  return undefined
}

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  return Number.isInteger(value) ? 'integer' : typeof value
}

/** The same bound as the check of arguments has, with room for what it adds for spaces of Unicode. */
const patternInstructionsMax = 1_000
const patterns = new Map<string, string | undefined>()
const patternsKept = 5_000

/**
 * A pattern that both JavaScript in Unicode mode (clients) and the linear engine of the gateway read; undefined when
 * there is none, e.g. for look-around.
 */
export function readPattern(raw: unknown): string | undefined {
  if (typeof raw !== 'string' || raw.length > 2_000) return undefined
  if (patterns.has(raw)) return patterns.get(raw)
  const inner = withoutDelimiters(raw)
  const usable = inner === undefined ? undefined : [inner, repairPattern(inner)].find(isUsable)
  if (patterns.size < patternsKept) patterns.set(raw, usable)
  return usable
}

/**
 * `/x/` and `/x/flags` are how JavaScript writes a pattern; `#^x$#` and `~^x$~` how PHP does, where nothing else can be
 * meant. Undefined when a flag changes what fits, which no pattern of JSON Schema can say.
 */
function withoutDelimiters(raw: string): string | undefined {
  const [, inner, flags = ''] =
    /^\/((?:[^/\\[]|\\.|\[(?:[^\]\\]|\\.)*\])+)\/([A-Za-z]*)$/s.exec(raw) ??
    /^[#~@%](\^.*)[#~@%]([A-Za-z]*)$/s.exec(raw) ??
    []
  if (inner === undefined) return raw
  // `d`, `g`, `u` and `y` change how matches are told; `s` and `m` only what `.`, `^` and `$` mean.
  const isSame =
    /^[dgsmuyvD]*$/.test(flags) &&
    !(flags.includes('s') && /(?:^|[^\\])\./.test(inner)) &&
    !(flags.includes('m') && /[$^]/.test(inner)) &&
    !(flags.includes('v') && inner.includes('['))
  return isSame ? inner : undefined
}

/** Backslashes go before characters that need none. */
function repairPattern(inner: string): string {
  return inner
    .replaceAll(/\\([^\w\s^$\\.*+?()[\]{}|/-])/g, '$1')
    .replaceAll(/\\([_ ])/g, '$1')
    .replaceAll('\\Z', '$')
    .replaceAll('\\A', '^')
}

function isUsable(pattern: string): boolean {
  // Counted repeats are unrolled: their sum is known before the work of unrolling them is done.
  let repeats = 0
  for (const [, from, to] of pattern.matchAll(/\{(\d+)(?:,(\d*))?\}/g))
    repeats += Number(to || from)
  if (repeats > patternInstructionsMax || hasNamedBackReference(pattern)) return false
  try {
    new RegExp(pattern, 'u')
    return RE2JS.compile(RE2JS.translateRegExp(pattern)).programSize() <= patternInstructionsMax
  } catch {
    return false
  }
}
