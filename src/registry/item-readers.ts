import type { ItemReaders } from '../catalog/items.ts'
import { tooLarge } from '../guard/schema.ts'
import { readHeaderParams } from '../wire/param-headers.ts'

/** What other rooms know about a definition that a server listed, or that was made of the description of an API. */
export function itemReaders(from: 'server' | 'description'): ItemReaders {
  return {
    headerParams: readHeaderParams,
    schemaFault: tooLarge,
    takesJudged: from === 'description',
  }
}
