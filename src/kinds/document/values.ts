/** Keywords about a value as such: what it may be one of, and its bounds, counts and pattern. */
import { flagAt, type JsonDraft, type JsonObject, memberOf } from './json.ts'
import { addBounds, readCount, readEnum, readPattern, readTypes } from './keywords.ts'
import { sizeOf, valueCharsMax } from './schema-words.ts'

export interface ValueOptions {
  readonly types: readonly string[]
  readonly isNullable: boolean
  /** The dialect has `const`. */
  readonly hasConst: boolean
  /** Words for the description, for what cannot be said otherwise. */
  readonly hints: string[]
  note(reason: string, key: string): void
}

const enumMax = 2_000
const counts = [
  ...['maxLength', 'minLength', 'maxItems', 'minItems', 'maxContains', 'minContains'],
  ...['maxProperties', 'minProperties'],
]

export function addValues(value: JsonObject, result: JsonDraft, options: ValueOptions): void {
  addEnum(value, result, options)
  const fixed = memberOf(value, 'const')
  if (options.hasConst && fixed !== undefined && sizeOf(fixed) <= valueCharsMax)
    result['const'] = fixed
  addBounds(value, result)
  for (const keyword of counts) {
    const raw = memberOf(value, keyword)
    if (raw === undefined || raw === null) continue
    const count = readCount(raw)
    if (count === undefined) options.note(`${keyword} must be a count.`, keyword)
    else result[keyword] = count
  }
  if (flagAt(value, 'uniqueItems') === true) result['uniqueItems'] = true
  addPattern(value, result, options)
}

function addEnum(value: JsonObject, result: JsonDraft, options: ValueOptions): void {
  const { types, isNullable, hints, note } = options
  const raw = memberOf(value, 'enum')
  if (raw === undefined) return
  const values = readEnum(raw, types.length === 0 || !isNullable ? types : [...types, 'null'])
  if (values === undefined) misplaced(value, raw, options)
  else if (values.length <= enumMax)
    result['enum'] =
      isNullable && types.length > 0 && !values.includes(null) ? [...values, null] : values
  else {
    hints.push(`E.g. ${JSON.stringify(values.slice(0, 20)).slice(1, -1)}.`)
    note(`The enum has ${values.length} values; they are not listed.`, 'enum')
  }
}

/** `{type: array, items: {type: string}, enum: [a, b]}` means that the items are one of these. */
function misplaced(value: JsonObject, raw: unknown, { types, hints, note }: ValueOptions): void {
  const items = readTypes(memberOf(memberOf(value, 'items'), 'type') ?? [])
  const values = types.includes('array') ? readEnum(raw, items.types) : undefined
  if (values !== undefined) hints.push(`Of ${JSON.stringify(values.slice(0, 50)).slice(1, -1)}.`)
  note('No value of the enum fits the type.', 'enum')
}

function addPattern(value: JsonObject, result: JsonDraft, { hints, note }: ValueOptions): void {
  const raw = memberOf(value, 'pattern')
  if (raw === undefined || raw === '' || raw === null) return
  const pattern = readPattern(raw)
  if (pattern !== undefined) {
    result['pattern'] = pattern
    return
  }
  hints.push(`Pattern: ${String(raw).slice(0, 200)}`)
  note(
    'The pattern is not checked here, since it needs more than linear time or a flag; the API checks it itself.',
    'pattern',
  )
}
