/** Every operation of `paths`, with the path item that it stands in. */
import type { ConversionCode } from '../../model/conversion.ts'
import type { Documents } from './documents.ts'
import { isObject, memberOf, membersOf } from './json.ts'
import { type Place, placeIn, type Spot } from './place.ts'
import type { Repeated } from './repeated.ts'
import type { Reporter } from './report.ts'

export interface Operation {
  /** `GET /pets/{id}`: unique in the description. */
  readonly key: string
  /** Upper case. */
  readonly method: string
  readonly path: string
  readonly spot: Spot
  readonly pathItem: Spot
}

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
const operationsMax = 20_000

export function listOperations(
  documents: Documents,
  repeated: readonly Repeated[],
  reporter: Reporter,
): Operations {
  const { root } = documents
  const pathsAt = placeIn(root.at, 'paths')
  const listing = new Listing(reporter)
  for (const [rawPath, value] of membersOf(memberOf(root.value, 'paths'))) {
    if (rawPath.startsWith('x-')) continue
    const at = placeIn(pathsAt, rawPath)
    const path = rawPath.startsWith('/') ? rawPath : `/${rawPath}`
    const found = documents.target({ value, at })
    if (found.kind === 'lost') listing.lose(`* ${path}`, found.code, found.reason, at)
    else if (isObject(found.spot.value)) listing.pathItem(path, merged(value, found.spot))
    else listing.lose(`* ${path}`, 'description_invalid', 'The path item is no object.', at)
  }
  for (const { path, method } of repeated)
    if (methods.has(method.toLowerCase()))
      listing.lose(
        `${method.toUpperCase()} ${path}`,
        'duplicate',
        'The keys stand in the description twice; the last ones are taken.',
        placeIn(placeIn(pathsAt, path), method),
      )
  return listing
}

/** Members beside a `$ref` go before those of its target (OpenAPI 3.1 section 4.8.9). */
function merged(value: unknown, target: Spot): Spot {
  if (!isObject(value) || memberOf(value, '$ref') === undefined) return target
  const own = Object.fromEntries(membersOf(value).filter(([key]) => key !== '$ref'))
  if (Object.keys(own).length === 0 || !isObject(target.value)) return target
  return { value: { ...target.value, ...own }, at: target.at }
}

class Listing implements Operations {
  readonly found: Operation[] = []
  readonly lost: LostOperation[] = []
  private readonly keys = new Set<string>()
  private readonly reporter: Reporter

  constructor(reporter: Reporter) {
    this.reporter = reporter
  }

  pathItem(path: string, pathItem: Spot): void {
    for (const [key, value] of membersOf(pathItem.value)) {
      const at = placeIn(pathItem.at, key)
      if (methods.has(key.toLowerCase()))
        this.operation(key.toUpperCase(), path, { value, at }, pathItem)
      else if (key === 'additionalOperations')
        for (const [method, operation] of membersOf(value))
          this.additional(method, path, { value: operation, at: placeIn(at, method) }, pathItem)
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
    if (this.keys.has(key))
      this.lose(key, 'duplicate', 'The operation stands in the description twice.', spot.at)
    else if (this.found.length >= operationsMax)
      this.lose(key, 'description_too_large', `More than ${operationsMax} operations.`, spot.at)
    else if (unsupported.has(method))
      this.lose(key, 'feature_unsupported', `${method} is no call of an API.`, spot.at)
    else if (!isObject(spot.value))
      this.lose(key, 'description_invalid', 'The operation is no object.', spot.at)
    else this.found.push({ key, method, path, spot, pathItem })
    this.keys.add(key)
  }

  lose(key: string, code: ConversionCode, reason: string, at: Place): void {
    this.lost.push({ key, code, reason, at })
  }
}
