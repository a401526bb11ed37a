/** Arguments of fields and variables of documents to JSON Schema (GraphQL specification, section 3.4.1). */
import {
  type ConstValueNode,
  type GraphQLArgument,
  type GraphQLEnumType,
  type GraphQLInputField,
  type GraphQLInputObjectType,
  type GraphQLInputType,
  type GraphQLNamedType,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isRequiredInputField,
  isScalarType,
  valueFromASTUntyped,
} from 'graphql'
import type { JsonSchema } from '../../../model/conversion.ts'
import { isUpload, notNull, orNull, scalarSchema } from './scalars.ts'
import { trim } from './words.ts'

/** Input types of one tool; generated APIs have filters that reach every table. */
const typesMax = 120
/** Roughly, of the schemas of all of them: what a model reads before it calls. */
const charsMax = 24_000
const descriptionCharsMax = 300
const listDepthMax = 10
/** Types that stand inside each other before they are named. */
const nestingMax = 4

/** One variable of the document of a tool. */
export interface InputVariable {
  readonly name: string
  readonly type: GraphQLInputType
  readonly description: string | null | undefined
  readonly preset: ConstValueNode | undefined
}

export interface InputSchema {
  readonly schema: JsonSchema
  /** Scalars of which nothing is known: any value is taken. */
  readonly unknownScalars: ReadonlySet<string>
  /** Input types that were left open, since there were too many. */
  readonly leftOpen: readonly string[]
}

export function variableOf(argument: GraphQLArgument): InputVariable {
  return {
    name: argument.name,
    type: argument.type,
    description: argument.description,
    preset: presetOf(argument),
  }
}

function presetOf(input: GraphQLArgument | GraphQLInputField): ConstValueNode | undefined {
  return input.default?.literal
}

/** Whether values of a type can be sent as JSON: an upload that must be there cannot. */
export function needsUpload(
  type: GraphQLInputType,
  seen: Set<GraphQLNamedType> = new Set(),
): boolean {
  const named = getNamedType(type)
  if (isScalarType(named)) return isUpload(named.name)
  if (!isInputObjectType(named) || seen.has(named) || seen.size > typesMax) return false
  seen.add(named)
  return Object.values(named.getFields()).some(
    (field) => isRequiredInputField(field) && needsUpload(field.type, seen),
  )
}

/** The `inputSchema` of a tool with these variables, and `own` arguments of ours beside them. */
export function inputSchema(
  variables: readonly InputVariable[],
  own: Readonly<Record<string, JsonSchema>> = {},
): InputSchema {
  const writer = new Writer(variables.map((variable) => variable.type))
  const properties = Object.fromEntries(
    variables.map((variable) => [variable.name, writer.member(variable)]),
  )
  const required = variables
    .filter(({ type, preset }) => isNonNullType(type) && preset === undefined)
    .map(({ name }) => name)
  const definitions = writer.definitions()
  return {
    schema: {
      type: 'object',
      properties: { ...properties, ...own },
      ...(required.length === 0 ? {} : { required }),
      additionalProperties: false,
      ...(Object.keys(definitions).length === 0 ? {} : { $defs: definitions }),
    },
    unknownScalars: writer.unknownScalars,
    leftOpen: [...new Set(writer.leftOpen)],
  }
}

type Shared = GraphQLInputObjectType | GraphQLEnumType

class Writer {
  readonly unknownScalars = new Set<string>()
  readonly leftOpen: string[] = []
  /** How often a type is used in the tool: one that is used once stands where it is used. */
  private readonly uses = new Map<Shared, number>()
  private readonly pending: Shared[] = []
  private nesting = 0
  private readonly written = new Map<Shared, JsonSchema>()

  constructor(types: readonly GraphQLInputType[]) {
    let chars = 0
    for (let level = sharedOf(types); level.length > 0; ) {
      const fresh = new Map<Shared, number>()
      for (const type of level) {
        const used = this.uses.get(type)
        if (used === undefined) fresh.set(type, (fresh.get(type) ?? 0) + 1)
        else this.uses.set(type, used + 1)
      }
      const next: GraphQLInputType[] = []
      // Small ones first: a comparison of texts says more than the next table.
      for (const [type, count] of [...fresh].sort(
        ([one], [other]) => sizeOf(one) - sizeOf(other),
      )) {
        const size = sizeOf(type)
        // What stands in the arguments themselves is described, however large it is.
        if (chars > 0 && (this.uses.size >= typesMax || chars + size > charsMax)) {
          this.leftOpen.push(type.name)
          continue
        }
        chars += size
        this.uses.set(type, count)
        if (isInputObjectType(type)) next.push(...fieldsOf(type).map((field) => field.type))
      }
      level = sharedOf(next)
    }
  }

  definitions(): Readonly<Record<string, JsonSchema>> {
    for (let type = this.pending.pop(); type !== undefined; type = this.pending.pop())
      if (!this.written.has(type)) {
        this.written.set(type, {})
        this.written.set(type, this.named(type))
      }
    const sorted = [...this.written].sort(([a], [b]) => (a.name < b.name ? -1 : 1))
    return Object.fromEntries(sorted.map(([type, schema]) => [type.name, schema]))
  }

  member(input: InputVariable): JsonSchema {
    const schema = this.type(input.type, 0)
    const description = trim(input.description, descriptionCharsMax)
    const extra = {
      ...(description === undefined
        ? {}
        : { description: joined(description, schema['description']) }),
      ...(input.preset === undefined ? {} : { default: valueFromASTUntyped(input.preset) ?? null }),
    }
    return Object.keys(extra).length === 0 ? schema : { ...schema, ...extra }
  }

  private type(type: GraphQLInputType, depth: number): JsonSchema {
    if (isNonNullType(type)) return notNull(this.nullable(type.ofType, depth))
    return orNull(this.nullable(type, depth))
  }

  private nullable(type: GraphQLInputType, depth: number): JsonSchema {
    if (isListType(type))
      return depth >= listDepthMax
        ? { type: 'array' }
        : { type: 'array', items: this.type(type.ofType, depth + 1) }
    if (isNonNullType(type)) return this.nullable(type.ofType, depth)
    if (isScalarType(type)) {
      const known = scalarSchema(type)
      if (known !== undefined) return known
      this.unknownScalars.add(type.name)
      const what = trim(type.description, descriptionCharsMax)
      return { description: what === undefined ? `A ${type.name}` : `${type.name}: ${what}` }
    }
    const uses = this.uses.get(type)
    if (uses === undefined) return { description: `A ${type.name}` }
    if (uses === 1 && this.nesting < nestingMax) {
      this.nesting++
      const schema = this.named(type)
      this.nesting--
      return schema
    }
    this.pending.push(type)
    return { $ref: `#/$defs/${type.name}` }
  }

  private named(type: Shared): JsonSchema {
    const description = trim(type.description, descriptionCharsMax)
    const words = description === undefined ? {} : { description }
    if (isEnumType(type))
      return { type: 'string', ...words, enum: type.getValues().map((value) => value.name) }
    const fields = fieldsOf(type)
    // Section 3.10.1, OneOf Input Objects: exactly one member, and not null.
    if (type.isOneOf)
      return {
        type: 'object',
        ...words,
        properties: Object.fromEntries(
          fields.map((field) => [field.name, { ...this.nullable(field.type, 0) }]),
        ),
        minProperties: 1,
        maxProperties: 1,
        additionalProperties: false,
      }
    const required = fields.filter(isRequiredInputField).map((field) => field.name)
    return {
      type: 'object',
      ...words,
      properties: Object.fromEntries(
        fields.map((field) => [
          field.name,
          this.member({
            name: field.name,
            type: field.type,
            description: field.description,
            preset: presetOf(field),
          }),
        ]),
      ),
      ...(required.length === 0 ? {} : { required }),
      additionalProperties: false,
    }
  }
}

function sharedOf(types: readonly GraphQLInputType[]): Shared[] {
  return types
    .map((type) => getNamedType(type))
    .filter((type) => isInputObjectType(type) || isEnumType(type))
}

/** About how many characters the schema of a type takes. */
function sizeOf(type: Shared): number {
  const words = (text: string | null | undefined): number =>
    Math.min(text?.length ?? 0, descriptionCharsMax)
  if (isEnumType(type))
    return type
      .getValues()
      .reduce((sum, { name }) => sum + name.length + 3, 50 + words(type.description))
  return fieldsOf(type).reduce(
    (sum, { name, description }) => sum + name.length + words(description) + 60,
    80 + words(type.description),
  )
}

function joined(description: string, before: unknown): string {
  return typeof before === 'string' && before !== description
    ? `${description} (${before})`.slice(0, 2 * descriptionCharsMax)
    : description
}

/** Fields that can be given: those that need an upload, or are deprecated and optional, are left out. */
function fieldsOf(type: GraphQLInputObjectType): readonly GraphQLInputField[] {
  return Object.values(type.getFields()).filter((field) => {
    const named = getNamedType(field.type)
    if (isScalarType(named) && isUpload(named.name)) return false
    return isRequiredInputField(field) || field.deprecationReason == null
  })
}
