/** The part of an entry of `sallyport.yaml` that is of one kind of API, one line a kind. `src/kinds/all.ts` says what each kind does. */
import { z } from 'zod'
import { asyncapiSpec } from './asyncapi.ts'
import { graphqlSpec } from './graphql.ts'
import { grpcSpec } from './grpc.ts'
import { openapiSpec } from './openapi.ts'
import { soapSpec } from './soap.ts'
import { sqlSpec } from './sql.ts'

/** In the order in which people read of them. */
export const apiSpecs = z.object({
  openapi: openapiSpec,
  graphql: graphqlSpec,
  soap: soapSpec,
  grpc: grpcSpec,
  asyncapi: asyncapiSpec,
  sql: sqlSpec,
})

export type ApiKind = keyof z.output<typeof apiSpecs>
/** As they are used: checked, with defaults. */
export type ApiSpecs = Readonly<z.output<typeof apiSpecs>>
/** As people write them. */
export type ApiSpecInputs = Readonly<z.input<typeof apiSpecs>>

export const apiKinds: readonly ApiKind[] = apiSpecs.keyof().options
