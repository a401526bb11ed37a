/** Documents as tools: those that the configuration declares, and one for documents of the caller. */
import {
  type FragmentDefinitionNode,
  type GraphQLInputType,
  isInputType,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  print,
  typeFromAST,
} from 'graphql'
import type { ConversionReport, ConvertedTool } from '../../../model/conversion.ts'
import type { GraphqlPlan, GraphqlSpec } from '../../../model/kinds/graphql.ts'
import { readDocument } from './document.ts'
import {
  messagesSchema,
  ownArguments,
  ownSchemas,
  rootOf,
  type ToolContext,
  tellInput,
} from './field-tool.ts'
import type { InputVariable } from './input.ts'
import { outputSchema } from './output.ts'
import { mutationAnnotations, queryAnnotations, titleOf, trim } from './words.ts'

const descriptionCharsMax = 1_200
const anonymous = 'Persisted'

/** A declared document. Its comments at the top describe it. */
export function documentTool(
  context: ToolContext,
  { name, declared, text }: { name: string; declared: string; text: string },
): ConvertedTool<GraphqlPlan> | ConversionReport {
  const operation = `persisted ${declared}`
  const place = `query.persisted.${declared}`
  const read = readDocument(context.schema, text)
  if ('reason' in read)
    return { operation, code: 'feature_unsupported', reason: read.reason, place }
  const type = read.operation.operation
  const root = rootOf(context.schema, type)
  if (root == null)
    return { operation, code: 'feature_unsupported', reason: `There is no ${type} type.`, place }
  const variables = variablesOf(context, read.operation)
  const subscription = type === OperationTypeNode.SUBSCRIPTION
  const own = subscription ? ownArguments(variables) : undefined
  const { schema } = tellInput(
    context,
    { operation, place },
    { variables, own: own === undefined ? {} : ownSchemas(own) },
  )
  const fragments = new Map(
    read.document.definitions
      .filter(
        (definition): definition is FragmentDefinitionNode =>
          definition.kind === Kind.FRAGMENT_DEFINITION,
      )
      .map((definition) => [definition.name.value, definition]),
  )
  const data = outputSchema(root, read.operation.selectionSet, {
    schema: context.schema,
    fragments,
  })
  const operationName = read.operation.name?.value ?? anonymous
  const document = read.operation.name === undefined ? named(text, read.operation) : text
  return {
    operation,
    definition: {
      name,
      title: titleOf(name),
      description: trim(commentOf(text), descriptionCharsMax) ?? `${titleOf(name)}.`,
      inputSchema: schema,
      outputSchema: own === undefined ? data : messagesSchema(data),
      annotations:
        type === OperationTypeNode.MUTATION ? mutationAnnotations(name) : queryAnnotations(name),
    },
    plan:
      own === undefined
        ? {
            kind: 'document',
            type: type === OperationTypeNode.MUTATION ? 'mutation' : 'query',
            document,
            operationName,
          }
        : { kind: 'subscription', document, operationName, own },
  }
}

/** A document without a name gets one, so that plans look alike and servers can tell documents apart in their logs. */
function named(text: string, operation: OperationDefinitionNode): string {
  const { loc } = operation
  if (loc === undefined) return text
  const definition = { ...operation, name: { kind: Kind.NAME, value: anonymous } } as const
  return `${text.slice(0, loc.start)}${print(definition)}${text.slice(loc.end)}`
}

/** Comment lines at the top of a document. */
function commentOf(text: string): string {
  const lines = text.split('\n').map((line) => line.trim())
  const end = lines.findIndex((line) => line !== '' && !line.startsWith('#'))
  return lines
    .slice(0, Math.max(0, end))
    .map((line) => line.replace(/^#\s?/, ''))
    .join(' ')
}

function variablesOf(
  context: ToolContext,
  operation: OperationDefinitionNode,
): readonly InputVariable[] {
  return (operation.variableDefinitions ?? []).flatMap((definition) => {
    const type = typeFromAST(context.schema, definition.type)
    if (type === undefined || !isInput(type)) return []
    return [
      {
        name: definition.variable.name.value,
        type,
        description: definition.description?.value,
        preset: definition.defaultValue,
      },
    ]
  })
}

const isInput = (type: unknown): type is GraphQLInputType => isInputType(type)

/** `graphql_query`: what the caller writes is measured before it is sent. */
export function freeTool({ query }: GraphqlSpec, name: string): ConvertedTool<GraphqlPlan> {
  const what = query.mutations ? 'query or mutation' : 'query'
  const schema = query.introspection
    ? ' Ask for __schema or __type to learn what there is.'
    : ' The schema cannot be asked for; the other tools show parts of it.'
  return {
    operation: 'document',
    definition: {
      name,
      title: 'GraphQL query',
      description: `Sends one GraphQL ${what} and answers with its data. At most ${query.depthMax} levels deep, and ${query.costMax} fields, where fields inside a page count once for each element.${schema}`,
      inputSchema: {
        type: 'object',
        properties: {
          query: { type: 'string', description: `The document, with one ${what} to execute` },
          variables: { type: 'object', description: 'Values of the variables of the document' },
          operationName: {
            type: 'string',
            description: 'Which operation to execute, when the document has several',
          },
        },
        required: ['query'],
        additionalProperties: false,
      },
      annotations: query.mutations
        ? {
            title: 'GraphQL query',
            readOnlyHint: false,
            destructiveHint: true,
            openWorldHint: true,
          }
        : { title: 'GraphQL query', readOnlyHint: true, openWorldHint: true },
    },
    plan: { kind: 'free' },
  }
}
