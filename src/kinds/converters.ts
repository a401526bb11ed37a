/** Which converter runs for which kind. Each is imported when it is first needed: none costs a gateway without it. */
import type { Conversion, Convert, Document, Provided, ReadDocument } from '../model/conversion.ts'
import { ConversionFault } from '../model/conversion.ts'
import type { ApiKind, ApiSpecs } from '../model/desired-state.ts'
import { finish } from './finish.ts'

type Converters = {
  readonly [K in ApiKind]?: () => Promise<Convert<ApiSpecs[K], unknown, unknown>>
}

/** One line a kind. */
const converters: Converters = {
  asyncapi: async () => (await import('./asyncapi/convert/convert.ts')).convertAsyncapi,
  openapi: async () => (await import('./openapi/convert/convert.ts')).convertOpenapi,
  graphql: async () => (await import('./graphql/convert/convert.ts')).convertGraphql,
  sql: async () => (await import('./sql/convert/convert.ts')).convertSql,
  grpc: async () => (await import('./grpc/convert/convert.ts')).convertGrpc,
  soap: async () => (await import('./soap/convert/convert.ts')).convertSoap,
}

/** What one conversion starts from. */
export type ConversionJob<K extends ApiKind = ApiKind> = {
  readonly [P in K]: {
    readonly kind: P
    readonly spec: ApiSpecs[P]
    readonly description: Document
    readonly provided: Provided
  }
}[K]

/** @throws ConversionFault */
export async function convertJob<K extends ApiKind>(
  job: ConversionJob<K>,
  read: ReadDocument,
): Promise<Conversion> {
  const load = converters[job.kind]
  if (load === undefined)
    throw new ConversionFault('feature_unsupported', `there is no converter for ${job.kind} yet`)
  const convert = await load()
  const { spec, description, provided } = job
  return finish(await convert(spec, description, read, provided), provided)
}
