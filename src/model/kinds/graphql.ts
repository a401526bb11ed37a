import { z } from 'zod'
import { address, headersSpec, location, selectionSpec } from './selection.ts'

const querySpec = z
  .strictObject({
    enabled: z
      .boolean()
      .default(false)
      .describe('Adds the tool graphql_query, which takes documents of the caller'),
    mutations: z.boolean().default(false).describe('Lets graphql_query change data'),
    introspection: z.boolean().default(false).describe('Lets graphql_query ask for the schema'),
    depthMax: z
      .number()
      .int()
      .min(1)
      .max(50)
      .default(8)
      .describe('Nested fields of a document of the caller'),
    costMax: z
      .number()
      .int()
      .min(1)
      .max(1_000_000)
      .default(1_000)
      .describe('Fields of a document of the caller, each times the page sizes around it'),
    persisted: z
      .record(
        z
          .string()
          .max(64)
          .regex(/^[a-z0-9]+(_[a-z0-9]+)*$/, 'lower-case words with _ between them'),
        z.string().min(1),
      )
      .default({})
      .describe('Documents that become tools of their own, by tool name'),
  })
  .describe('Documents instead of fields')

export const graphqlSpec = z
  .strictObject({
    url: address('http', 'https').describe('The endpoint'),
    schema: location
      .optional()
      .describe('File or URL of the schema (SDL or introspection result); default: introspection'),
    headers: headersSpec,
    operations: selectionSpec.prefault({}),
    depth: z
      .number()
      .int()
      .min(1)
      .max(10)
      .default(3)
      .describe('Nested objects in the answer of a tool'),
    fields: z.number().int().min(1).max(500).default(80).describe('Fields in the answer of a tool'),
    pageSize: z
      .number()
      .int()
      .min(1)
      .max(1_000)
      .default(10)
      .describe('Elements asked of a connection inside an answer'),
    selections: z
      .record(z.string(), z.string().min(1))
      .default({})
      .describe('Fields to ask for by operation, e.g. "query user": "{ id name }"'),
    query: querySpec.prefault({}),
    subscriptions: z
      .strictObject({
        url: address('ws', 'wss', 'http', 'https')
          .optional()
          .describe('Where to subscribe; default: the endpoint'),
        transport: z
          .enum(['ws', 'sse'])
          .default('ws')
          .describe('ws: graphql-transport-ws; sse: graphql-sse with distinct connections'),
      })
      .prefault({}),
  })
  .describe('A GraphQL service')

export type GraphqlSpec = z.infer<typeof graphqlSpec>

/** How to carry out one tool of a GraphQL service. */
export type GraphqlPlan =
  /** A document that was made or checked at conversion; the arguments of the call are its variables. */
  | {
      readonly kind: 'document'
      readonly type: 'query' | 'mutation'
      readonly document: string
      readonly operationName: string
    }
  /** The same with `limit` and `seconds` beside the variables, in `own`. */
  | {
      readonly kind: 'subscription'
      readonly document: string
      readonly operationName: string
      readonly own: SubscriptionArguments
    }
  /** `graphql_query`: the caller brings the document. */
  | { readonly kind: 'free' }

/** Names of the arguments that bound a subscription; they step aside when the field has arguments of that name. */
export interface SubscriptionArguments {
  readonly limit: string
  readonly seconds: string
}

/** Bounds of `limit` and `seconds` of a subscription, and what holds without them. */
export const subscriptionBounds = {
  limitDefault: 10,
  limitMax: 1_000,
  secondsDefault: 30,
  secondsMax: 600,
} as const

export interface GraphqlCommon {
  readonly url: string
  readonly subscriptions: { readonly url: string; readonly transport: 'ws' | 'sse' }
  readonly query: Readonly<
    Pick<GraphqlSpec['query'], 'mutations' | 'introspection' | 'depthMax' | 'costMax'>
  >
}
