/**
 * The kinds of APIs, one line a kind. What carries the same names in a configuration is `model/kinds/all.ts`; what converts is
 * named in `converters.ts`, which another process loads.
 */
import type { ApiKind } from '../model/kinds/all.ts'
import { asyncapi } from './asyncapi/kind.ts'
import { graphql } from './graphql/kind.ts'
import { grpc } from './grpc/kind.ts'
import type { ApiKindOf, Recognisable } from './kind.ts'
import { openapi } from './openapi/kind.ts'
import { soap } from './soap/kind.ts'
import { sql } from './sql/kind.ts'

/** In the order in which they are asked whether a source is theirs: what recognises by a weaker sign comes later. */
export const kinds: { readonly [K in ApiKind]: ApiKindOf<K> } = {
  openapi,
  asyncapi,
  soap,
  sql,
  grpc,
  graphql,
}

export const recognisable: readonly Recognisable<ApiKind>[] = Object.values(kinds)
