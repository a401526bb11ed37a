/**
 * A description of a GraphQL service to a schema: SDL (GraphQL specification, section 3) or the answer to an
 * introspection query (section 4). Real files are often parts of a whole: what they only refer to, or only extend, is
 * made up, and told.
 */

import {
  buildASTSchema,
  buildClientSchema,
  type DefinitionNode,
  type DocumentNode,
  GraphQLError,
  GraphQLSchema,
  type IntrospectionQuery,
  Kind,
  parse,
  specifiedScalarTypes,
  validateSchema,
  visit,
} from 'graphql'
import { messageOf } from '../../../kit/thrown.ts'
import { ConversionFault, type ConversionReport, type Document } from '../../../model/conversion.ts'

/** Bounds of a description: GitHub's has 1.2 million characters and 140,000 tokens. */
const charsMax = 40_000_000
const tokensMax = 4_000_000
const typesMax = 100_000
const messagesMax = 5

export interface ReadSchema {
  readonly schema: GraphQLSchema
  /** Types that the description uses and does not define. */
  readonly undefinedTypes: ReadonlySet<string>
  readonly notes: readonly ConversionReport[]
}

/** @throws ConversionFault description_invalid, description_too_large */
export function readSchema(description: Document): ReadSchema {
  const { text, location } = description
  if (text.length > charsMax)
    throw new ConversionFault(
      'description_too_large',
      `the schema has more than ${charsMax} characters`,
      location,
    )
  try {
    return /^[\s\uFEFF]*\{/.test(text.slice(0, 1_000))
      ? readIntrospection(text, location)
      : readSdl(text, location)
  } catch (thrown) {
    throw faultOf(thrown, location)
  }
}

function faultOf(thrown: unknown, location: string): ConversionFault {
  if (thrown instanceof ConversionFault) return thrown
  // A text that is nested without end overflows the stack of any parser.
  if (thrown instanceof RangeError)
    return new ConversionFault('description_invalid', 'the schema is nested too deeply', location)
  const message = messageOf(thrown).slice(0, 500)
  return new ConversionFault('description_invalid', message, `${location}${lineOf(thrown)}`)
}

function lineOf(thrown: unknown): string {
  const place = thrown instanceof GraphQLError ? thrown.locations?.[0] : undefined
  return place === undefined ? '' : `:${place.line}:${place.column}`
}

function readIntrospection(text: string, location: string): ReadSchema {
  const introspection = introspectionOf(JSON.parse(text))
  if (introspection === undefined)
    throw new ConversionFault(
      'description_invalid',
      'the JSON is not the answer to an introspection query: it has no __schema',
      location,
    )
  return finish(buildClientSchema(introspection, { assumeValid: true }), new Set(), [], location)
}

function introspectionOf(value: unknown): IntrospectionQuery | undefined {
  if (isIntrospection(value)) return value
  if (typeof value !== 'object' || value === null || !('data' in value)) return undefined
  return isIntrospection(value.data) ? value.data : undefined
}

/** As far as is looked at here; `buildClientSchema` says what is wrong below. */
function isIntrospection(value: unknown): value is IntrospectionQuery {
  return (
    typeof value === 'object' &&
    value !== null &&
    '__schema' in value &&
    typeof value.__schema === 'object' &&
    value.__schema !== null &&
    'types' in value.__schema &&
    Array.isArray(value.__schema.types) &&
    value.__schema.types.length <= typesMax
  )
}

function readSdl(text: string, location: string): ReadSchema {
  const document = parse(text, {
    maxLexicalTokens: tokensMax,
    maxComments: tokensMax,
    maxSourceLength: charsMax,
  })
  if (document.definitions.length > typesMax)
    throw new ConversionFault(
      'description_too_large',
      `the schema has more than ${typesMax} definitions`,
      location,
    )
  const { whole, undefinedTypes, notes } = complete(document, location)
  const schema = buildASTSchema(whole, { assumeValid: true, assumeValidSDL: true })
  return finish(schema, undefinedTypes, notes, location)
}

const definitionOf: Readonly<Record<string, Kind>> = {
  [Kind.SCALAR_TYPE_EXTENSION]: Kind.SCALAR_TYPE_DEFINITION,
  [Kind.OBJECT_TYPE_EXTENSION]: Kind.OBJECT_TYPE_DEFINITION,
  [Kind.INTERFACE_TYPE_EXTENSION]: Kind.INTERFACE_TYPE_DEFINITION,
  [Kind.UNION_TYPE_EXTENSION]: Kind.UNION_TYPE_DEFINITION,
  [Kind.ENUM_TYPE_EXTENSION]: Kind.ENUM_TYPE_DEFINITION,
  [Kind.INPUT_OBJECT_TYPE_EXTENSION]: Kind.INPUT_OBJECT_TYPE_DEFINITION,
}

/**
 * A part of a federated schema extends types of other parts, and SDL of hosted services uses scalars that only the
 * service defines. The first extension of such a type becomes its definition, and an unknown name a scalar.
 */
function complete(
  document: DocumentNode,
  location: string,
): { whole: DocumentNode; undefinedTypes: Set<string>; notes: ConversionReport[] } {
  const defined = new Map<string, DefinitionNode>()
  const notes: ConversionReport[] = []
  for (const node of document.definitions)
    if ('name' in node && node.name !== undefined && node.kind.endsWith('TypeDefinition')) {
      if (defined.has(node.name.value))
        throw new ConversionFault(
          'description_invalid',
          `the type ${node.name.value} is defined twice`,
          `${location}:${node.loc?.startToken.line ?? 0}`,
        )
      defined.set(node.name.value, node)
    }
  const definitions = document.definitions.map((node): DefinitionNode => {
    const kind = definitionOf[node.kind]
    if (kind === undefined || !('name' in node) || node.name === undefined) return node
    if (defined.has(node.name.value)) return node
    const definition = toDefinition(node)
    defined.set(node.name.value, definition)
    return definition
  })
  const undefinedTypes = new Set<string>()
  const builtIn = new Set(specifiedScalarTypes.map((type) => type.name))
  visit(document, {
    NamedType(node, _key, _parent, path) {
      const name = node.name.value
      if (defined.has(name) || builtIn.has(name) || undefinedTypes.has(name)) return
      undefinedTypes.add(name)
      const holder = path.length > 1 ? document.definitions[Number(path[1])] : undefined
      const inside =
        holder !== undefined && 'name' in holder && holder.name !== undefined
          ? ` in ${holder.name.value}`
          : ''
      notes.push({
        operation: `type ${name}`,
        code: 'reference_unresolved',
        reason: `The type ${name} is used${inside} and not defined; as an argument it takes any value, as an answer it is left out.`,
        place: `${location}:${node.loc?.startToken.line ?? 0}`,
      })
    },
  })
  for (const name of undefinedTypes)
    definitions.push({ kind: Kind.SCALAR_TYPE_DEFINITION, name: { kind: Kind.NAME, value: name } })
  return { whole: { ...document, definitions }, undefinedTypes, notes }
}

function toDefinition(node: DefinitionNode): DefinitionNode {
  switch (node.kind) {
    case Kind.SCALAR_TYPE_EXTENSION:
      return { ...node, kind: Kind.SCALAR_TYPE_DEFINITION }
    case Kind.OBJECT_TYPE_EXTENSION:
      return { ...node, kind: Kind.OBJECT_TYPE_DEFINITION }
    case Kind.INTERFACE_TYPE_EXTENSION:
      return { ...node, kind: Kind.INTERFACE_TYPE_DEFINITION }
    case Kind.UNION_TYPE_EXTENSION:
      return { ...node, kind: Kind.UNION_TYPE_DEFINITION }
    case Kind.ENUM_TYPE_EXTENSION:
      return { ...node, kind: Kind.ENUM_TYPE_DEFINITION }
    case Kind.INPUT_OBJECT_TYPE_EXTENSION:
      return { ...node, kind: Kind.INPUT_OBJECT_TYPE_DEFINITION }
    default:
      return node
  }
}

/** A schema that breaks a rule is used all the same: its server does so too. What breaks is told. */
function finish(
  schema: GraphQLSchema,
  undefinedTypes: ReadonlySet<string>,
  notes: readonly ConversionReport[],
  location: string,
): ReadSchema {
  if (
    schema.getQueryType() === undefined &&
    schema.getMutationType() === undefined &&
    schema.getSubscriptionType() === undefined
  )
    throw new ConversionFault(
      'description_invalid',
      'the schema has neither queries nor mutations nor subscriptions',
      location,
    )
  return { schema, undefinedTypes, notes: [...notes, ...schemaFaults(schema, location)] }
}

function schemaFaults(schema: GraphQLSchema, location: string): ConversionReport[] {
  return validateSchema(new GraphQLSchema({ ...schema.toConfig(), assumeValid: false }))
    .slice(0, messagesMax)
    .map((error) => ({
      operation: 'schema',
      code: 'description_invalid',
      reason: error.message.slice(0, 500),
      place: `${location}${lineOf(error)}`,
    }))
}
