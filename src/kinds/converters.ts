/**
 * Which converter runs for which kind, one line a kind. They are no part of `all.ts`: the process that converts loads this
 * file, and from here nothing leads to what calls. Each is imported when it is first needed.
 */
import type { Conversion, Convert, Document, Provided, ReadDocument } from '../model/conversion.ts'
import type { ApiKind, ApiSpecs } from '../model/kinds/all.ts'
import { finish } from './finish.ts'

const converters: {
  readonly [K in ApiKind]: () => Promise<Convert<ApiSpecs[K], unknown, unknown>>
} = {
  asyncapi: async () => (await import('./asyncapi/convert/convert.ts')).convertAsyncapi,
  openapi: async () => (await import('./openapi/convert/convert.ts')).convertOpenapi,
  graphql: async () => (await import('./graphql/convert/convert.ts')).convertGraphql,
  sql: async () => (await import('./sql/convert/convert.ts')).convertSql,
  grpc: async () => (await import('./grpc/convert/convert.ts')).convertGrpc,
  soap: async () => (await import('./soap/convert/convert.ts')).convertSoap,
}

/** What a conversion starts from beside kind and spec. */
export interface Start {
  readonly description: Document
  readonly provided: Provided
}

/** A spec with the kind that it is of. */
export type SpecOf<K extends ApiKind = ApiKind> = {
  readonly [P in K]: { readonly kind: P; readonly spec: ApiSpecs[P] }
}[K]

/** What one conversion starts from. */
export type ConversionJob<K extends ApiKind = ApiKind> = SpecOf<K> & Start

/** @throws ConversionFault */
export async function convertJob<K extends ApiKind>(
  { kind, spec, description, provided }: ConversionJob<K>,
  read: ReadDocument,
): Promise<Conversion> {
  const convert = await converters[kind]()
  return finish(await convert(spec, description, read, provided), provided)
}
