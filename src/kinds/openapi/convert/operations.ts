/** Every operation of `paths`, with the path item that it stands in. */

import type { ConversionCode } from '../../../model/conversion.ts'
import type { Documents } from '../../document/documents.ts'
import { isObject, membersOf, textAt } from '../../document/json.ts'
import { type Place, placeIn, type Spot } from '../../document/place.ts'
import type { Repeated } from '../../document/repeated.ts'
import type { Reporter } from '../../document/report.ts'
import type { Operation } from './operation.ts'
import { withoutMethod } from './operation-name.ts'

/** One that can be counted, but not be read. */
export interface LostOperation {
  readonly key: string
  readonly code: ConversionCode
  readonly reason: string
  readonly at: Place
}

export interface Operations {
  readonly found: readonly Operation[]
  readonly lost: readonly LostOperation[]
}

const methods = new Set([
  ...['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'],
  // OpenAPI 3.2 section 4.10.
  'query',
])
/** What a path item has beside operations. */
const others = new Set(['$ref', 'summary', 'description', 'servers', 'parameters'])
/** TRACE reflects credentials, CONNECT opens a tunnel; neither is a call of an API (RFC 9110 sections 9.3.6, 9.3.8). */
const unsupported = new Set(['TRACE', 'CONNECT'])

export function listOperations(
  documents: Documents,
  repeated: readonly Repeated[],
  reporter: Reporter,
): Operations {
  const { root } = documents
  const listing = new Listing(documents, reporter)
  for (const [rawPath, spot] of documents.entries(root, 'paths')) {
    if (rawPath.startsWith('x-')) continue
    const path = rawPath.startsWith('/') ? rawPath : `/${rawPath}`
    const found = documents.object(spot)
    if (found.kind === 'lost') listing.lose(`* ${path}`, found.code, found.reason, spot.at)
    else if (isObject(found.spot.value)) listing.pathItem(path, found.spot)
    else listing.lose(`* ${path}`, 'description_invalid', 'The path item is no object.', spot.at)
  }
  listing.dropTwins()
  for (const { path, method } of repeated)
    if (methods.has(method.toLowerCase()))
      listing.lose(
        `${method.toUpperCase()} ${path}`,
        'duplicate',
        'The keys stand in the description twice; the last ones are taken.',
        placeIn(placeIn(placeIn(root.at, 'paths'), path), method),
      )
  return listing
}

class Listing implements Operations {
  found: Operation[] = []
  readonly lost: LostOperation[] = []
  private readonly keys = new Set<string>()
  private readonly documents: Documents
  private readonly reporter: Reporter

  constructor(documents: Documents, reporter: Reporter) {
    this.documents = documents
    this.reporter = reporter
  }

  pathItem(path: string, pathItem: Spot): void {
    for (const [key, value] of membersOf(pathItem.value)) {
      const at = placeIn(pathItem.at, key)
      if (methods.has(key.toLowerCase()))
        this.operation(key.toUpperCase(), path, { value, at }, pathItem)
      else if (key === 'additionalOperations')
        for (const [method, spot] of this.documents.entries(pathItem, key))
          this.additional(method, path, spot, pathItem)
      else if (!others.has(key) && !key.startsWith('x-') && isObject(value))
        this.reporter.note(
          'description_invalid',
          `${JSON.stringify(key.slice(0, 40))} is no method.`,
          at,
        )
    }
  }

  /** OpenAPI 3.2: any method of HTTP, written as it is sent. */
  private additional(method: string, path: string, spot: Spot, pathItem: Spot): void {
    if (/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,40}$/.test(method))
      this.operation(method, path, spot, pathItem)
    else
      this.lose(
        `${method.slice(0, 40)} ${path}`,
        'description_invalid',
        'It is no method of HTTP.',
        spot.at,
      )
  }

  private operation(method: string, path: string, spot: Spot, pathItem: Spot): void {
    const key = `${method} ${path}`
    const found = this.documents.object(spot)
    if (this.keys.has(key))
      this.lose(key, 'duplicate', 'The operation stands in the description twice.', spot.at)
    else if (unsupported.has(method))
      this.lose(key, 'feature_unsupported', `${method} is no call of an API.`, spot.at)
    else if (found.kind === 'lost') this.lose(key, found.code, found.reason, spot.at)
    else if (!isObject(found.spot.value))
      this.lose(key, 'description_invalid', 'The operation is no object.', spot.at)
    else this.found.push({ key, method, path, spot: found.spot, pathItem })
    this.keys.add(key)
  }

  /** An action that can be asked for by GET and by POST is one operation. */
  dropTwins(): void {
    const ids = new Map(
      this.found.map(({ method, path, spot }) => [
        `${method} ${path}`,
        textAt(spot.value, 'operationId') ?? '',
      ]),
    )
    const isTwin = ({ method, path, spot }: Operation): boolean => {
      const id = textAt(spot.value, 'operationId')
      const other = ids.get(`GET ${path}`)
      return (
        method === 'POST' &&
        id?.startsWith('POST_') === true &&
        other?.startsWith('GET_') === true &&
        withoutMethod(id) === withoutMethod(other)
      )
    }
    const twins = new Set(this.found.filter(isTwin))
    this.found = this.found.filter((operation) => !twins.has(operation))
    for (const { key, path, spot } of twins)
      this.lose(key, 'duplicate', `It is the same action as GET ${path}, which is shown.`, spot.at)
  }

  lose(key: string, code: ConversionCode, reason: string, at: Place): void {
    this.lost.push({ key, code, reason, at })
  }
}
