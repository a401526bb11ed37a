/** GraphQL services, described by a schema or by introspection. */
import { type ApiKindOf, isUrl, none, type Sample, some } from '../kind.ts'
import { answersGraphql } from './probe.ts'

function ofText({ form, head, location, members, named }: Sample): string | undefined {
  if (named !== undefined) return undefined
  if (form === 'json') {
    const data = members.find(({ key }) => key === 'data')
    const all = [...members, ...(data?.members ?? [])]
    return all.some(({ key }) => key === '__schema') ? 'a GraphQL introspection result' : undefined
  }
  const isSdl =
    form === 'other' &&
    (/^[ \t]*(extend[ \t]+)?(schema|type[ \t]+\w+|interface[ \t]+\w+|input[ \t]+\w+|enum[ \t]+\w+)[^{\n]*\{/m.test(
      head,
    ) ||
      /\.(graphqls?|gql)$/i.test(location))
  return isSdl ? 'a GraphQL schema' : undefined
}

export const graphql: ApiKindOf<'graphql'> = {
  name: 'graphql',
  recognition: {
    inside: ['data'],
    ofText,
    ofAnswer: async (url, asking) =>
      (await answersGraphql(url, asking)) ? 'a GraphQL service' : undefined,
    places: /\.(json|graphqls?)$/i,
  },
  hasRoot: false,
  hasAccount: false,
  addressedBy: 'url',
  entry: ({ source, baseUrl, where, headers, operations }) => ({
    graphql:
      isUrl(source) && baseUrl === undefined
        ? { url: source, ...headers, ...operations }
        : { url: where(), schema: source, ...headers, ...operations },
  }),
  located: (spec, absolute) =>
    spec.schema === undefined ? spec : { ...spec, schema: absolute(spec.schema) },
  address: ({ url }) => url,
  description: ({ schema }) => schema,
  endpoints: ({ url, subscriptions }) => some(url, subscriptions.url),
  targets: none,
  tokens: none,
  executor: async () => (await import('./execute/executor.ts')).createGraphqlExecutor,
}
