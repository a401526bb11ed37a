/** The arguments of a call as their raw text and as values, numbers kept digit by digit. */
import { fitsDouble } from '../../../kit/exact-numbers.ts'
import { type JsonMember, scanObject } from '../../../kit/json-scan.ts'

/** Something is wrong with one argument; the caller is told which, and what. */
export class ArgumentFault extends Error {
  readonly argument: string

  constructor(argument: string, reason: string) {
    super(reason)
    this.argument = argument
  }
}

/** A number that a double cannot hold, as JSON text. */
export interface RawNumber {
  readonly rawJSON: string
}
export type Primitive = string | number | boolean | RawNumber
export type Value = Primitive | null | readonly Value[] | { readonly [key: string]: Value }

const depthMax = 64

/** Raw JSON of each argument by its name. `null` counts as not given where it travels by style. */
export class Arguments {
  private readonly text: string
  private readonly members: ReadonlyMap<string, JsonMember>

  /** @throws JsonFault */
  constructor(text: string) {
    this.text = text
    const members = scanObject(text, {}, { depthMax, refuseDuplicates: 'exact' })
    this.members = new Map(members.map((member) => [member.key, member]))
  }

  raw(name: string): string | undefined {
    const member = this.members.get(name)
    return member === undefined ? undefined : this.text.slice(member.start, member.end)
  }

  /** @throws ArgumentFault for a text that is no Unicode */
  value(name: string): Value | undefined {
    const raw = this.raw(name)
    return raw === undefined ? undefined : parseValue(name, raw)
  }
}

// ECMAScript 2026 (proposal-json-parse-with-source); not in the library types yet.
declare global {
  interface JSON {
    rawJSON(text: string): RawNumber
    isRawJSON(value: unknown): value is RawNumber
  }
}

export function parseValue(name: string, raw: string): Value {
  const parsed: Value = JSON.parse(
    raw,
    (_key: string, value: unknown, context?: { source?: string }) => {
      if (typeof value === 'string' && !value.isWellFormed())
        throw new ArgumentFault(name, 'holds half of a surrogate pair, which no text has')
      if (typeof value !== 'number') return value
      const source = context?.source ?? String(value)
      return fitsDouble(source) ? value : JSON.rawJSON(source)
    },
  )
  return parsed
}

export function isPrimitive(value: Value): value is Primitive {
  return typeof value !== 'object' || JSON.isRawJSON(value)
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value)
}

export function textOf(value: Primitive): string {
  return typeof value === 'object' ? value.rawJSON : String(value)
}

/** Text of any value for a place that takes only text: JSON for what is no primitive. */
export function plainText(value: Value): string {
  if (value === null) return ''
  return isPrimitive(value) ? textOf(value) : JSON.stringify(value)
}

/** Members that have a value. RFC 6570 section 2.3: null counts as undefined. */
export function entriesOf(value: {
  readonly [key: string]: Value
}): readonly (readonly [string, Value])[] {
  return Object.entries(value).filter(([, member]) => member !== null)
}
