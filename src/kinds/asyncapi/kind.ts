/** WebSocket and SSE services with an AsyncAPI description. */
import { type ApiKindOf, none, ofPlans, rooted, some } from '../kind.ts'

export const asyncapi: ApiKindOf<'asyncapi'> = {
  name: 'asyncapi',
  recognition: {
    names: ['asyncapi'],
    ofText: ({ named }) => (named === 'asyncapi' ? 'an AsyncAPI description' : undefined),
    places: /\.(json|ya?ml)$/i,
  },
  hasRoot: true,
  hasAccount: false,
  addressedBy: 'url',
  entry: ({ source, baseUrl, root, headers, operations }) => ({
    asyncapi: {
      spec: source,
      ...root,
      ...(baseUrl === undefined ? {} : { url: baseUrl }),
      ...headers,
      ...operations,
    },
  }),
  located: (spec, absolute) => ({ ...rooted(spec, absolute), spec: absolute(spec.spec) }),
  address: ({ url, spec }) => url ?? spec,
  description: ({ spec }) => spec,
  endpoints: ({ url }) => some(url),
  targets: ofPlans('url'),
  tokens: none,
  executor: async () => (await import('./execute/executor.ts')).createAsyncapiExecutor,
}
