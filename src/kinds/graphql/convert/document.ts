/** Reads and checks a document against a schema (GraphQL specification, section 5). */

import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  parse,
  validate,
} from 'graphql'
import { messageOf } from '../../../kit/thrown.ts'

const tokensMax = 20_000
const charsMax = 200_000

export type ReadDocumentResult =
  | { readonly document: DocumentNode; readonly operation: OperationDefinitionNode }
  | { readonly reason: string }

/** A document with exactly one operation, or why it is none. */
export function readDocument(schema: GraphQLSchema, text: string): ReadDocumentResult {
  try {
    const document = parse(text, { maxLexicalTokens: tokensMax, maxSourceLength: charsMax })
    const operations = document.definitions.filter(
      (definition) => definition.kind === Kind.OPERATION_DEFINITION,
    )
    const [operation, second] = operations
    if (operation === undefined || second !== undefined)
      return { reason: 'The document must have exactly one operation.' }
    const [error] = validate(schema, document, undefined, { maxErrors: 1 })
    return error === undefined ? { document, operation } : { reason: sentence(error) }
  } catch (thrown) {
    if (thrown instanceof RangeError) return { reason: 'The document is nested too deeply.' }
    return { reason: sentence(thrown) }
  }
}

function sentence(thrown: unknown): string {
  const place = thrown instanceof GraphQLError ? thrown.locations?.[0] : undefined
  const message = messageOf(thrown)
  const where = place === undefined ? '' : ` (line ${place.line}, column ${place.column})`
  return `${message.slice(0, 400)}${where}`
}
