/** The smallest kind of API: what `docs/ARCHITECTURE.md` tells of adding one, done. The product has none of it. */
import { type Kind, none, ofPlans, some } from '../../../src/kinds/kind.ts'
import type { EchoInput, EchoSpec } from './types.ts'

export const echo: Kind<'echo', EchoSpec, EchoInput> = {
  name: 'echo',
  recognition: {
    names: ['echo'],
    ofText: ({ named }) => (named === 'echo' ? 'an echo description' : undefined),
  },
  hasRoot: false,
  hasAccount: false,
  addressedBy: 'url',
  entry: ({ source, baseUrl, headers, operations }) => ({
    echo: {
      spec: source,
      ...(baseUrl === undefined ? {} : { url: baseUrl }),
      ...headers,
      ...operations,
    },
  }),
  located: (spec, absolute) => ({ ...spec, spec: absolute(spec.spec) }),
  address: ({ url, spec }) => url ?? spec,
  description: ({ spec }) => spec,
  endpoints: ({ url }) => some(url),
  targets: ofPlans('url'),
  tokens: none,
  executor: async () => (await import('./execute/executor.ts')).createEchoExecutor,
}
