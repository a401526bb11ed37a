/** REST APIs: OpenAPI, Swagger, and recorded requests of which a description is made. */
import { z } from 'zod'
import type { JsonMember } from '../../kit/json-scan.ts'
import { type ApiKindOf, ofPlans, rooted, type Sample, some } from '../kind.ts'

const tokenSchemes = z.object({
  security: z.record(z.string(), z.object({ tokenUrl: z.string().optional() })),
})

/** Where a description says that tokens are fetched. */
function tokenUrls(common: unknown): readonly string[] {
  const schemes = tokenSchemes.safeParse(common).data?.security ?? {}
  return some(...Object.values(schemes).map(({ tokenUrl }) => tokenUrl))
}

function find(members: readonly JsonMember[] | undefined, key: string): JsonMember | undefined {
  return members?.find((member) => member.key === key)
}

function ofText({ form, head, named, members, text }: Sample): string | undefined {
  if (form === 'other' && /^\$?\s*curl(\.exe)?\s/.test(head)) return 'a curl command'
  if (named === 'openapi') return 'an OpenAPI description'
  if (named === 'swagger') return 'a Swagger description'
  if (named !== undefined) return undefined
  const info = find(members, 'info')
  const schema = find(info?.members, 'schema')
  const isPostman =
    find(info?.members, '_postman_id') !== undefined ||
    (schema !== undefined && text.slice(schema.start, schema.end).includes('getpostman.com'))
  if (isPostman && find(members, 'item') !== undefined) return 'a Postman collection'
  return find(find(members, 'log')?.members, 'entries') === undefined ? undefined : 'a HAR file'
}

export const openapi: ApiKindOf<'openapi'> = {
  name: 'openapi',
  recognition: {
    names: ['openapi', 'swagger'],
    inside: ['info', 'log'],
    ofText,
    places: /\.(json|ya?ml)$|openapi|swagger|api-docs/i,
    usual: ['openapi.json', 'swagger.json', 'v3/api-docs'],
  },
  hasRoot: true,
  hasAccount: false,
  addressedBy: 'baseUrl',
  entry: ({ source, baseUrl, root, headers, operations }) => ({
    openapi: {
      spec: source,
      ...root,
      ...(baseUrl === undefined ? {} : { baseUrl }),
      ...headers,
      ...operations,
    },
  }),
  located: (spec, absolute) => ({ ...rooted(spec, absolute), spec: absolute(spec.spec) }),
  address: ({ baseUrl, spec }) => baseUrl ?? spec,
  description: ({ spec }) => spec,
  endpoints: ({ baseUrl }) => some(baseUrl),
  targets: ofPlans('baseUrl'),
  tokens: ({ common }) => tokenUrls(common),
  executor: async () => (await import('./execute/executor.ts')).createRestExecutor,
}
