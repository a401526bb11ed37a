/** Postman collections, HAR files and curl lines, by way of an OpenAPI 3.1 description. */
import { ConversionFault, type Document } from '../../../../model/conversion.ts'
import type { JsonObject } from '../../../document/json.ts'
import { buildDescription, type Imported } from './build.ts'
import { isCurl, readCurl } from './curl.ts'
import { isHar, readHar } from './har.ts'
import { isPostman, readPostman } from './postman.ts'
import type { Seen } from './seen.ts'

const curlCharsMax = 2_000_000

/** curl lines are no JSON and no YAML, so they are told by their text. */
export function importText({ text, location }: Document): Imported | undefined {
  if (!isCurl(text)) return undefined
  if (text.length > curlCharsMax)
    throw new ConversionFault(
      'description_too_large',
      `It has ${text.length} characters; at most ${curlCharsMax} of curl are read.`,
      location,
    )
  return imported(readCurl(text))
}

/** @throws ConversionFault description_invalid when there is no request in it */
export function importObject(root: JsonObject): Imported | undefined {
  if (isPostman(root)) return imported(readPostman(root))
  if (isHar(root)) return imported(readHar(root))
  return undefined
}

function imported(seen: Seen): Imported {
  if (seen.requests.length > 0) return buildDescription(seen)
  throw new ConversionFault('description_invalid', 'There is no request to an API in it.', '#')
}
