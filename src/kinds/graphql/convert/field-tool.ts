/** One field of a root type to a tool: the document that asks for it, its arguments and the form of its answer. */
import {
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLSchema,
  getNamedType,
  isCompositeType,
  isInputType,
  isNonNullType,
  isRequiredArgument,
  isScalarType,
  type OperationDefinitionNode,
} from 'graphql'
import type {
  ConversionReport,
  ConvertedTool,
  JsonSchema,
  ToolAnnotations,
} from '../../../model/conversion.ts'
import {
  type GraphqlPlan,
  type GraphqlSpec,
  type SubscriptionArguments,
  subscriptionBounds,
} from '../../../model/kinds/graphql.ts'
import { readDocument } from './document.ts'
import { type InputVariable, inputSchema, needsUpload, variableOf } from './input.ts'
import { outputSchema } from './output.ts'
import { selectFields } from './select.ts'
import { mutationAnnotations, queryAnnotations, titleOf, trim } from './words.ts'

export type OperationType = 'query' | 'mutation' | 'subscription'

/** What the tools of one schema share while they are made. */
export interface ToolContext {
  readonly schema: GraphQLSchema
  readonly undefinedTypes: ReadonlySet<string>
  readonly spec: GraphqlSpec
  /** Where the schema lies. */
  readonly location: string
  readonly notes: ConversionReport[]
  /** What was told once and need not be told again. */
  readonly told: Set<string>
}

const descriptionCharsMax = 1_200

export interface RootField {
  readonly type: OperationType
  readonly field: GraphQLField
  /** Of the tool. */
  readonly name: string
}

export function fieldTool(
  context: ToolContext,
  { type, field, name }: RootField,
): ConvertedTool<GraphqlPlan> | ConversionReport {
  const operation = `${type} ${field.name}`
  const place = placeOf(context, field)
  const fault = faultOf(context, field)
  if (fault !== undefined) return { operation, ...fault, place }
  const variables = field.args.filter(isOffered)
  const built = buildDocument(context, type, field, variables)
  if ('reason' in built) return { operation, ...built, place }
  const own = type === 'subscription' ? ownArguments(variables) : undefined
  const { schema } = tellInput(
    context,
    { operation, place },
    {
      variables: variables.map(variableOf),
      own: own === undefined ? {} : ownSchemas(own),
    },
  )
  const data = outputSchema(built.root, built.definition.selectionSet, {
    schema: context.schema,
    fragments: new Map(),
  })
  const common = { document: built.text, operationName: built.name }
  const description = describe(type, field)
  return {
    operation,
    definition: {
      name,
      title: titleOf(field.name),
      ...(description === undefined ? {} : { description }),
      inputSchema: schema,
      outputSchema: own === undefined ? data : messagesSchema(data),
      annotations: annotations(type, field.name),
    },
    plan:
      own === undefined
        ? { kind: 'document', type: type === 'mutation' ? 'mutation' : 'query', ...common }
        : { kind: 'subscription', own, ...common },
  }
}

type Fault = Pick<ConversionReport, 'code' | 'reason'>

export function placeOf(context: ToolContext, field: GraphQLField): string {
  const line = field.astNode?.loc?.startToken.line
  return line === undefined
    ? `${context.location}#${String(field)}`
    : `${context.location}:${line} ${String(field)}`
}

function faultOf({ undefinedTypes }: ToolContext, field: GraphQLField): Fault | undefined {
  const named = getNamedType(field.type)
  if (isScalarType(named) && undefinedTypes.has(named.name))
    return {
      code: 'reference_unresolved',
      reason: `It answers ${named.name}, which the schema does not define.`,
    }
  const upload = field.args.find(
    (argument) => isRequiredArgument(argument) && needsUpload(argument.type),
  )
  if (upload === undefined) return undefined
  return {
    code: 'feature_unsupported',
    reason: `The argument ${upload.name} needs a file upload, which is not supported.`,
  }
}

/** Deprecated arguments are not offered, and files cannot be sent as JSON. */
function isOffered(argument: GraphQLArgument): boolean {
  if (!isInputType(argument.type)) return false
  return (
    isRequiredArgument(argument) ||
    (argument.deprecationReason == null && !needsUpload(argument.type))
  )
}

interface Built {
  readonly text: string
  readonly name: string
  readonly root: NonNullable<ReturnType<GraphQLSchema['getQueryType']>>
  readonly definition: OperationDefinitionNode
}

/** The document of a field, checked against the schema: an own selection of the operator, or a generated one. */
function buildDocument(
  context: ToolContext,
  type: OperationType,
  field: GraphQLField,
  variables: readonly GraphQLArgument[],
): Built | Fault {
  const { schema, spec } = context
  const root = rootOf(schema, type)
  if (root == null) return { code: 'description_invalid', reason: `No ${type} type.` }
  const own = selectionOf(spec, `${type} ${field.name}`) ?? selectionOf(spec, field.name)
  const named = getNamedType(field.type)
  const candidates: readonly (() => string)[] = !isCompositeType(named)
    ? [() => '']
    : own !== undefined
      ? [() => ` ${own}`]
      : [false, true].map((plain) => () => {
          const options = { schema, undefinedTypes: context.undefinedTypes, plain }
          const { depth, fields, pageSize } = spec
          const bounds = { depthMax: depth, fieldsMax: fields, pageSize }
          return ` ${selectFields(named, { ...options, ...bounds }).replaceAll('\n', '\n  ')}`
        })
  let reason = ''
  for (const candidate of candidates) {
    const text = print(type, field.name, variables, candidate())
    const read = readDocument(schema, text)
    if ('document' in read) {
      if (reason !== '')
        context.notes.push({
          operation: `${type} ${field.name}`,
          code: 'schema_unusable',
          reason: `The types behind its interfaces and unions cannot be asked together, and are left out: ${reason}`,
          place: placeOf(context, field),
        })
      const definition = read.operation
      return { text, name: field.name, root, definition }
    }
    reason = read.reason
  }
  return own === undefined
    ? { code: 'schema_unusable', reason: `No selection can be made: ${reason}` }
    : { code: 'feature_unsupported', reason: `The configured selection is not valid: ${reason}` }
}

function selectionOf({ selections }: GraphqlSpec, operation: string): string | undefined {
  return Object.hasOwn(selections, operation) ? selections[operation] : undefined
}

export function rootOf(schema: GraphQLSchema, type: OperationType) {
  if (type === 'query') return schema.getQueryType()
  return type === 'mutation' ? schema.getMutationType() : schema.getSubscriptionType()
}

/** Arguments are variables, always: nothing of a call ever becomes a part of the document. */
function print(
  type: OperationType,
  name: string,
  variables: readonly GraphQLArgument[],
  selection: string,
): string {
  const declared = variables.map((argument) => `$${argument.name}: ${variableType(argument)}`)
  const passed = variables.map((argument) => `${argument.name}: $${argument.name}`)
  const head = declared.length === 0 ? '' : `(${declared.join(', ')})`
  const body = passed.length === 0 ? '' : `(${passed.join(', ')})`
  return `${type} ${name}${head} {\n  ${name}${body}${selection}\n}`
}

/**
 * A variable that may be absent is nullable: an argument that is non-null with a default takes one (section 5.8.5),
 * and has its default where the variable is absent (section 6.4.1).
 */
function variableType({ type, default: preset }: GraphQLArgument): string {
  return String(preset !== undefined && isNonNullType(type) ? type.ofType : type)
}

/** The input schema, with what was lost in it told once. */
export function tellInput(
  context: ToolContext,
  report: { operation: string; place: string },
  input: { variables: readonly InputVariable[]; own: Readonly<Record<string, JsonSchema>> },
) {
  const made = inputSchema(input.variables, input.own)
  for (const name of made.unknownScalars) {
    if (context.undefinedTypes.has(name) || context.told.has(name)) continue
    context.told.add(name)
    context.notes.push({
      operation: `scalar ${name}`,
      code: 'schema_unusable',
      reason: `Nothing is known of the scalar ${name}; as an argument it takes any value.`,
      place: context.location,
    })
  }
  if (made.leftOpen.length > 0)
    context.notes.push({
      ...report,
      code: 'schema_unusable',
      reason: `Its arguments have too many types; ${made.leftOpen.length} of them take any value, e.g. ${made.leftOpen.slice(0, 3).join(', ')}.`,
    })
  return made
}

function describe(type: OperationType, field: GraphQLField): string | undefined {
  const words = trim(field.description, descriptionCharsMax)
  const deprecated =
    field.deprecationReason == null
      ? undefined
      : `Deprecated: ${trim(field.deprecationReason, 200) ?? 'use something else'}`
  const stream =
    type === 'subscription'
      ? 'Waits for messages and answers with those that came, until the limit or the time is reached.'
      : undefined
  const parts = [words ?? `${titleOf(field.name)}.`, deprecated, stream]
  return parts.filter((part) => part !== undefined).join(' ')
}

function annotations(type: OperationType, name: string): ToolAnnotations {
  return type === 'mutation' ? mutationAnnotations(name) : queryAnnotations(name)
}

/** An argument of the field keeps its name; ours steps aside. */
export function ownArguments(variables: readonly { readonly name: string }[]) {
  const taken = new Set(variables.map((variable) => variable.name))
  const free = (name: string, other: string): string => (taken.has(name) ? other : name)
  return {
    limit: free('limit', '_limit'),
    seconds: free('seconds', '_seconds'),
  } satisfies SubscriptionArguments
}

export function ownSchemas(own: SubscriptionArguments): Readonly<Record<string, JsonSchema>> {
  const { limitDefault, limitMax, secondsDefault, secondsMax } = subscriptionBounds
  return {
    [own.limit]: {
      type: 'integer',
      minimum: 1,
      maximum: limitMax,
      default: limitDefault,
      description: 'How many messages to wait for',
    },
    [own.seconds]: {
      type: 'number',
      exclusiveMinimum: 0,
      maximum: secondsMax,
      default: secondsDefault,
      description: 'How long to wait for them, in seconds',
    },
  }
}

/** What a subscription answers: each message is the `data` of one event. */
export function messagesSchema(data: JsonSchema): JsonSchema {
  return {
    type: 'object',
    properties: {
      messages: { type: 'array', items: data },
      ended: {
        type: 'string',
        enum: ['limit', 'time', 'completed'],
        description: 'Why no more messages follow',
      },
    },
    required: ['messages', 'ended'],
  }
}
