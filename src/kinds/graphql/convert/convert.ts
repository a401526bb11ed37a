/** A GraphQL schema to tools: one for each field of the query, mutation and subscription types. */
import type {
  Conversion,
  ConversionReport,
  ConvertedTool,
  Document,
} from '../../../model/conversion.ts'
import type { GraphqlCommon, GraphqlPlan, GraphqlSpec } from '../../../model/kinds/graphql.ts'
import { select } from '../../selection.ts'
import { toolNames } from '../../tool-name.ts'
import { documentTool, freeTool } from './document-tools.ts'
import { fieldTool, type OperationType, placeOf, rootOf, type ToolContext } from './field-tool.ts'
import { readSchema } from './read-schema.ts'
import { trim } from './words.ts'

const titleCharsMax = 100
const descriptionCharsMax = 2_000
const operationTypes: readonly OperationType[] = ['query', 'mutation', 'subscription']

/** What can become a tool. */
interface Pending {
  readonly operation: string
  readonly wishes: readonly string[]
  readonly place: string
  readonly make: (name: string) => ConvertedTool<GraphqlPlan> | ConversionReport
}

/** @throws ConversionFault description_invalid, description_too_large */
export async function convertGraphql(
  spec: GraphqlSpec,
  description: Document,
): Promise<Conversion<GraphqlPlan, GraphqlCommon>> {
  const { schema, undefinedTypes, notes } = readSchema(description)
  const { location } = description
  const context: ToolContext = {
    schema,
    undefinedTypes,
    spec,
    location,
    notes: [...notes],
    told: new Set(),
  }
  const pending = [...fieldsOf(context), ...documentsOf(context)]
  const names = toolNames(pending)
  const selected = select(
    pending.map((one) => ({ ...one, name: names.get(one.operation) ?? one.operation })),
    spec.operations,
  )
  const tools: ConvertedTool<GraphqlPlan>[] = []
  const skipped: ConversionReport[] = [...selected.skipped]
  for (const { name, make } of selected.kept) {
    const result = make(name)
    if ('definition' in result) tools.push(result)
    else skipped.push(result)
  }
  return {
    title: new URL(spec.url).host.slice(0, titleCharsMax),
    version: '',
    description: trim(schema.description, descriptionCharsMax),
    operations: tools.length + skipped.length,
    tools,
    skipped,
    notes: [...context.notes, ...selected.notes, ...lostSelections(spec, pending)],
    common: commonOf(spec),
  }
}

/** Fields of the root types. Where types have a field of one name, the query's tool has it alone. */
function fieldsOf(context: ToolContext): Pending[] {
  const taken = new Set<string>()
  return operationTypes.flatMap((type) =>
    Object.values(rootOf(context.schema, type)?.getFields() ?? {}).map((field) => {
      const wishes = taken.has(field.name) ? [`${type}_${field.name}`] : [field.name]
      taken.add(field.name)
      return {
        operation: `${type} ${field.name}`,
        wishes,
        place: placeOf(context, field),
        make: (name) => fieldTool(context, { type, field, name }),
      }
    }),
  )
}

function documentsOf(context: ToolContext): Pending[] {
  const { query } = context.spec
  const persisted = Object.entries(query.persisted).map(([name, text]) => ({
    operation: `persisted ${name}`,
    wishes: [name],
    place: `query.persisted.${name}`,
    make: (given: string) => documentTool(context, { name: given, declared: name, text }),
  }))
  const free: Pending = {
    operation: 'document',
    wishes: ['graphql_query'],
    place: 'query.enabled',
    make: (name) => freeTool(context.spec, name),
  }
  return query.enabled ? [...persisted, free] : persisted
}

/** Configured selections that no operation of the schema asked for. */
function lostSelections(spec: GraphqlSpec, pending: readonly Pending[]): ConversionReport[] {
  const known = new Set(
    pending.flatMap(({ operation }) => [operation, operation.slice(operation.indexOf(' ') + 1)]),
  )
  return Object.keys(spec.selections)
    .filter((operation) => !known.has(operation))
    .map((operation) => ({
      operation,
      code: 'reference_unresolved',
      reason: 'A selection is configured for it, and the schema has no such operation.',
      place: `selections.${operation}`,
    }))
}

function commonOf({ url, subscriptions, query }: GraphqlSpec): GraphqlCommon {
  const { transport } = subscriptions
  const { mutations, introspection, depthMax, costMax } = query
  return {
    url,
    subscriptions: { transport, url: subscriptionUrl(subscriptions.url ?? url, transport) },
    query: { mutations, introspection, depthMax, costMax },
  }
}

function subscriptionUrl(text: string, transport: 'ws' | 'sse'): string {
  const url = new URL(text)
  const secure = url.protocol === 'https:' || url.protocol === 'wss:'
  url.protocol = transport === 'ws' ? (secure ? 'wss:' : 'ws:') : secure ? 'https:' : 'http:'
  return url.href
}
