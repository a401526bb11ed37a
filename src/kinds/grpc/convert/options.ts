/**
 * The options of Google's API design that say something to a caller: `google.api.http` and `google.api.field_behavior`.
 * They are extensions of the standard options; descriptors hold them as fields that are not known.
 */
import type { UnknownField } from '@bufbuild/protobuf'
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'

/** Field numbers of google/api/annotations.proto and google/api/field_behavior.proto. */
const httpNumber = 72_295_728
const behaviorNumber = 1_052

/** Field numbers of `google.api.HttpRule`. */
const verbs = { get: 2, put: 3, post: 4, delete: 5, patch: 6 } as const
export type HttpVerb = keyof typeof verbs
const verbNames: readonly HttpVerb[] = ['get', 'put', 'post', 'delete', 'patch']

/** Values of `google.api.FieldBehavior`. */
const behaviors = {
  OPTIONAL: 1,
  REQUIRED: 2,
  OUTPUT_ONLY: 3,
  INPUT_ONLY: 4,
  IMMUTABLE: 5,
  UNORDERED_LIST: 6,
  NON_EMPTY_DEFAULT: 7,
  IDENTIFIER: 8,
} as const
export type FieldBehavior = keyof typeof behaviors

interface Options {
  readonly $unknown?: readonly UnknownField[] | undefined
}

/** The HTTP method that a call has beside gRPC; it says what the call does. */
export function httpVerbOf(options: Options | undefined): HttpVerb | undefined {
  const rule = options?.$unknown?.find(({ no }) => no === httpNumber)
  if (rule === undefined || rule.wireType !== WireType.LengthDelimited) return undefined
  const reader = new BinaryReader(new BinaryReader(rule.data).bytes())
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    const verb = verbNames.find((name) => verbs[name] === number)
    if (verb !== undefined) return verb
    reader.skip(type)
  }
  return undefined
}

/** What is said of a field, e.g. that it must be given. */
export function behaviorsOf(options: Options | undefined): ReadonlySet<FieldBehavior> {
  const numbers = new Set<number>()
  for (const { no, wireType, data } of options?.$unknown ?? []) {
    if (no !== behaviorNumber) continue
    const reader = new BinaryReader(data)
    if (wireType === WireType.Varint) numbers.add(reader.int32())
    else if (wireType === WireType.LengthDelimited) {
      const packed = new BinaryReader(reader.bytes())
      while (packed.pos < packed.len) numbers.add(packed.int32())
    }
  }
  return new Set(behaviorNames.filter((name) => numbers.has(behaviors[name])))
}

const behaviorNames = Object.keys(behaviors).filter((name): name is FieldBehavior =>
  Object.hasOwn(behaviors, name),
)

/** The same options as a `.proto` file has them, in the form that descriptors hold. */
export function httpOption(verb: string, path: string): UnknownField | undefined {
  const known = verbNames.find((name) => name === verb)
  if (known === undefined) return undefined
  const rule = new BinaryWriter().tag(verbs[known], WireType.LengthDelimited).string(path).finish()
  const data = new BinaryWriter().bytes(rule).finish()
  return { no: httpNumber, wireType: WireType.LengthDelimited, data }
}

export function behaviorOptions(names: readonly string[]): UnknownField[] {
  return names.flatMap((name) => {
    const known = behaviorNames.find((one) => one === name)
    if (known === undefined) return []
    const data = new BinaryWriter().int32(behaviors[known]).finish()
    return [{ no: behaviorNumber, wireType: WireType.Varint, data }]
  })
}
