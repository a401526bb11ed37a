/** What a document asks for to JSON Schema: the form of `data` in its answer (GraphQL specification, section 7.1). */
import {
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNullableType,
  isCompositeType,
  isEnumType,
  isListType,
  isNonNullType,
  isObjectType,
  isScalarType,
  Kind,
  type SelectionSetNode,
  TypeNameMetaFieldDef,
} from 'graphql'
import type { JsonSchema } from '../../../model/conversion.ts'
import { orNull, scalarSchema } from './scalars.ts'

export interface OutputContext {
  readonly schema: GraphQLSchema
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>
}

/** Enums of more values are told as strings: what comes back need not be known beforehand. */
const enumValuesMax = 60

/** The schema of what a selection on a type answers. The document was validated: fragments have no cycles. */
export function outputSchema(
  type: GraphQLCompositeType,
  selection: SelectionSetNode,
  context: OutputContext,
): JsonSchema {
  return { type: 'object', properties: properties(type, selection, context) }
}

function properties(
  type: GraphQLCompositeType,
  selection: SelectionSetNode,
  context: OutputContext,
): Readonly<Record<string, JsonSchema>> {
  const found = new Map<string, JsonSchema>()
  const put = (key: string, schema: JsonSchema): void => {
    const before = found.get(key)
    found.set(key, before === undefined ? schema : merge(before, schema))
  }
  for (const node of selection.selections) {
    if (node.kind === Kind.FIELD) {
      const field = fieldOf(type, node.name.value)
      if (field === undefined) continue
      put((node.alias ?? node.name).value, output(field.type, node.selectionSet, context))
      continue
    }
    const inner = node.kind === Kind.INLINE_FRAGMENT ? node : context.fragments.get(node.name.value)
    if (inner === undefined) continue
    const on = inner.typeCondition
    const narrowed = on === undefined ? type : context.schema.getType(on.name.value)
    if (!isCompositeType(narrowed)) continue
    for (const [key, schema] of Object.entries(properties(narrowed, inner.selectionSet, context)))
      put(key, schema)
  }
  return Object.fromEntries(found)
}

function fieldOf(type: GraphQLCompositeType, name: string): GraphQLField | undefined {
  if (name === TypeNameMetaFieldDef.name) return TypeNameMetaFieldDef
  return 'getFields' in type ? type.getFields()[name] : undefined
}

function output(
  type: GraphQLOutputType,
  selection: SelectionSetNode | undefined,
  context: OutputContext,
): JsonSchema {
  const schema = present(getNullableType(type), selection, context)
  return isNonNullType(type) ? schema : orNull(schema)
}

function present(
  type: GraphQLOutputType,
  selection: SelectionSetNode | undefined,
  context: OutputContext,
): JsonSchema {
  if (isListType(type)) return { type: 'array', items: output(type.ofType, selection, context) }
  if (isEnumType(type)) {
    const values = type.getValues().map((value) => value.name)
    return values.length <= enumValuesMax ? { type: 'string', enum: values } : { type: 'string' }
  }
  if (isScalarType(type)) return loose(scalarSchema(type) ?? {})
  if (isNonNullType(type)) return present(type.ofType, selection, context)
  if (selection === undefined) return {}
  const schema = outputSchema(type, selection, context)
  return isObjectType(type) ? schema : { ...schema, title: type.name }
}

/** Answers are taken as servers write them: only the JSON type is promised, no format and no range. */
function loose(schema: JsonSchema): JsonSchema {
  return 'type' in schema ? { type: schema['type'] } : {}
}

/** The same key in several fragments: either the same schema, or objects whose members are put together. */
function merge(a: JsonSchema, b: JsonSchema): JsonSchema {
  const inner = propertiesOf(a)
  const other = propertiesOf(b)
  if (inner !== undefined && other !== undefined) {
    const joined = new Map(Object.entries(inner))
    for (const [key, schema] of Object.entries(other)) {
      const before = joined.get(key)
      joined.set(key, before === undefined ? schema : merge(before, schema))
    }
    return { ...a, properties: Object.fromEntries(joined) }
  }
  const items = itemsOf(a)
  const others = itemsOf(b)
  return items === undefined || others === undefined ? a : { ...a, items: merge(items, others) }
}

function propertiesOf(schema: JsonSchema): Readonly<Record<string, JsonSchema>> | undefined {
  return isSchemas(schema['properties']) ? schema['properties'] : undefined
}

function itemsOf(schema: JsonSchema): JsonSchema | undefined {
  const items = schema['items']
  return isSchema(items) ? items : undefined
}

const isSchema = (value: unknown): value is JsonSchema =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isSchemas = (value: unknown): value is Readonly<Record<string, JsonSchema>> =>
  isSchema(value) && Object.values(value).every(isSchema)
