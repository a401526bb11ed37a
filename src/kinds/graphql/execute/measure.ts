/**
 * Measures a document of a caller before it is sent: depth, and cost as the number of fields, where a field inside a
 * page counts once for each element that the page may have. Fragments are measured once, so that fragments of
 * fragments cost no time here, whatever they cost there.
 */

import type {
  DocumentNode,
  FieldNode,
  FragmentDefinitionNode,
  OperationDefinitionNode,
  SelectionSetNode,
} from 'graphql'
import { messageOf } from '../../../kit/thrown.ts'
import type { GraphqlCommon } from '../../../model/kinds/graphql.ts'

const tokensMax = 10_000
const charsMax = 100_000
/** Arguments that say how many elements are answered. */
const sizeArguments: ReadonlySet<string> = new Set([
  'first',
  'last',
  'limit',
  'take',
  'pageSize',
  'perPage',
  'per_page',
])

export type Measured =
  | {
      readonly kind: 'fits'
      readonly type: 'query' | 'mutation'
      readonly name: string | undefined
    }
  /** A sentence for the caller. */
  | { readonly kind: 'refused'; readonly why: string }

export interface FreeDocument {
  readonly text: string
  readonly operationName: string | undefined
  readonly variables: Readonly<Record<string, unknown>>
}

/** Whether a document may be sent. */
export async function measure(
  free: FreeDocument,
  limits: GraphqlCommon['query'],
): Promise<Measured> {
  const { parse } = await import('graphql')
  try {
    const document = parse(free.text, {
      maxLexicalTokens: tokensMax,
      maxSourceLength: charsMax,
      noLocation: true,
    })
    return measureDocument(document, free, limits)
  } catch (thrown) {
    if (thrown instanceof RangeError) return refused('It is nested too deeply.')
    return refused(messageOf(thrown).slice(0, 500))
  }
}

function measureDocument(
  document: DocumentNode,
  free: FreeDocument,
  limits: GraphqlCommon['query'],
): Measured {
  const operation = operationOf(document, free.operationName)
  if (typeof operation === 'string') return refused(operation)
  if (operation.operation === 'subscription')
    return refused('Subscriptions are tools of their own; this tool sends queries.')
  if (operation.operation === 'mutation' && !limits.mutations)
    return refused('Mutations are not allowed here; query.mutations of the server allows them.')
  const variables = { ...presetsOf(operation), ...free.variables }
  const ruler = new Ruler(document, variables, limits)
  const { depth, cost, fault } = ruler.set(operation.selectionSet)
  if (fault !== undefined) return refused(fault)
  if (depth > limits.depthMax)
    return refused(`It is ${depth} levels deep, and at most ${limits.depthMax} are allowed.`)
  if (cost > limits.costMax)
    return refused(
      `It asks for up to ${cost} fields, pages counted, and at most ${limits.costMax} are allowed. Ask for fewer fields or smaller pages.`,
    )
  return { kind: 'fits', type: operation.operation, name: operation.name?.value }
}

/** Page sizes that variables have when they are not given. */
function presetsOf(operation: OperationDefinitionNode): Readonly<Record<string, number>> {
  return Object.fromEntries(
    (operation.variableDefinitions ?? []).flatMap(({ variable, defaultValue }) =>
      defaultValue?.kind === 'IntValue' ? [[variable.name.value, Number(defaultValue.value)]] : [],
    ),
  )
}

const refused = (why: string): Measured => ({ kind: 'refused', why })

/** The operation to execute (GraphQL specification, section 6.1), or why there is none. */
function operationOf(
  document: DocumentNode,
  name: string | undefined,
): OperationDefinitionNode | string {
  const operations = document.definitions.filter(
    (definition): definition is OperationDefinitionNode =>
      definition.kind === 'OperationDefinition',
  )
  if (name !== undefined)
    return (
      operations.find((operation) => operation.name?.value === name) ??
      `It has no operation ${JSON.stringify(name.slice(0, 100))}.`
    )
  const [operation, second] = operations
  if (second !== undefined) return 'It has several operations; say which with operationName.'
  return operation ?? 'It has no operation.'
}

interface Size {
  readonly depth: number
  readonly cost: number
  readonly fault: string | undefined
}

class Ruler {
  private readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>
  private readonly variables: Readonly<Record<string, unknown>>
  private readonly limits: GraphqlCommon['query']
  /** Of fragments; undefined while one is being measured, which is how a cycle shows. */
  private readonly measured = new Map<string, Size | undefined>()

  constructor(
    document: DocumentNode,
    variables: Readonly<Record<string, unknown>>,
    limits: GraphqlCommon['query'],
  ) {
    this.variables = variables
    this.limits = limits
    this.fragments = new Map(
      document.definitions
        .filter((definition) => definition.kind === 'FragmentDefinition')
        .map((definition) => [definition.name.value, definition]),
    )
  }

  set(selection: SelectionSetNode): Size {
    let depth = 0
    let cost = 0
    for (const node of selection.selections) {
      const size =
        node.kind === 'Field'
          ? this.field(node)
          : node.kind === 'InlineFragment'
            ? this.set(node.selectionSet)
            : this.fragment(node.name.value)
      if (size.fault !== undefined) return size
      depth = Math.max(depth, size.depth)
      cost = Math.min(Number.MAX_SAFE_INTEGER, cost + size.cost)
    }
    return { depth, cost, fault: undefined }
  }

  private field(node: FieldNode): Size {
    const name = node.name.value
    if (name.startsWith('__') && name !== '__typename' && !this.limits.introspection)
      return {
        depth: 0,
        cost: 0,
        fault: `${name} is not allowed here; query.introspection of the server allows it.`,
      }
    if (node.selectionSet === undefined) return { depth: 1, cost: 1, fault: undefined }
    const inner = this.set(node.selectionSet)
    if (inner.fault !== undefined) return inner
    const cost = Math.min(Number.MAX_SAFE_INTEGER, 1 + inner.cost * this.elements(node))
    return { depth: inner.depth + 1, cost, fault: undefined }
  }

  private elements(node: FieldNode): number {
    let most = 1
    for (const argument of node.arguments ?? []) {
      if (!sizeArguments.has(argument.name.value)) continue
      const { value } = argument
      const given =
        value.kind === 'IntValue'
          ? Number(value.value)
          : value.kind === 'Variable' && Object.hasOwn(this.variables, value.name.value)
            ? this.variables[value.name.value]
            : undefined
      if (typeof given === 'number' && given > most) most = given
    }
    return most
  }

  private fragment(name: string): Size {
    if (this.measured.has(name))
      return (
        this.measured.get(name) ?? {
          depth: 0,
          cost: 0,
          fault: `The fragment ${name} holds itself.`,
        }
      )
    const fragment = this.fragments.get(name)
    if (fragment === undefined)
      return { depth: 0, cost: 0, fault: `There is no fragment ${name.slice(0, 100)}.` }
    this.measured.set(name, undefined)
    const size = this.set(fragment.selectionSet)
    this.measured.set(name, size)
    return size
  }
}
