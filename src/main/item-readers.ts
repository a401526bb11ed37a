import type { ItemReaders } from '../catalog/items.ts'
import { tooLarge } from '../guard/schema.ts'
import { readHeaderParams } from '../wire/param-headers.ts'

/** What other rooms know about a definition that a server listed. */
export const itemReaders: ItemReaders = { headerParams: readHeaderParams, schemaFault: tooLarge }
