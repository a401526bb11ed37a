/**
 * The description and the documents that it points at, and the way from a `$ref` to its target. Documents are read
 * before the conversion, through `ReadDocument` alone; nothing here opens a file or a connection by itself.
 */

import { pathToFileURL } from 'node:url'
import { namedBy } from '../../kit/json-pointer.ts'
import { messageOf } from '../../kit/thrown.ts'
import {
  type ConversionCode,
  ConversionFault,
  type Document,
  type ReadDocument,
} from '../../model/conversion.ts'
import { isObject, type JsonObject, memberOf, membersOf } from './json.ts'
import { type Place, placeIn, rootPlace, type Spot } from './place.ts'
import { parseDocument } from './read.ts'

const documentsMax = 300
const documentsCharsMax = 96_000_000
/** A chain of references that is longer goes in a circle. */
const hopsMax = 50

/** Deeper, no base is looked for: a stranger chose the depth. */
const identifiedDepthMax = 500

/** What a reference led to, or why it led nowhere. */
export type Found =
  | { readonly kind: 'found'; readonly spot: Spot }
  | { readonly kind: 'lost'; readonly code: ConversionCode; readonly reason: string }

type Loaded =
  | { readonly kind: 'document'; readonly location: string }
  | { readonly kind: 'fault'; readonly fault: ConversionFault }

/** Members of these are data or names, so a `$ref` in them is none. */
const data = new Set(['example', 'examples', 'default', 'enum', 'const'])
/** Members of these have names of the author's choice: a schema may be called `example`. */
const maps = new Set([
  ...['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas'],
  ...['schemas', 'parameters', 'responses', 'requestBodies', 'headers', 'paths', 'pathItems'],
])

/** Everything that says something of one value, the nearest first, or why there is nothing. */
type Layers = { readonly kind: 'found'; readonly spots: readonly Spot[] } | Lost

/** A schema with an `$id`: a root and a base of its own (JSON Schema 2020-12 core sections 8.2.1 and 9.1.1). */
interface Resource {
  readonly uri: string
  readonly root: Spot
}

export class Documents {
  readonly root: Spot
  private readonly documents = new Map<string, JsonObject>()
  /** By the location that holds the reference, and the reference without its fragment. */
  private readonly links = new Map<string, Loaded>()
  private readonly targets = new Map<string, Found>()
  private readonly anchors = new Map<unknown, ReadonlyMap<string, Spot>>()
  /** By URI. */
  private readonly resources = new Map<string, Spot>()
  /** The resources of a document, by the schemas that they are. */
  private readonly identified = new Map<string, Map<unknown, Resource>>()
  private readonly siblings = new WeakMap<JsonObject, JsonObject>()
  private readonly merged = new WeakMap<JsonObject, JsonObject>()

  private constructor(root: JsonObject, location: string) {
    this.root = { value: root, at: rootPlace(location) }
    this.add(root, location)
  }

  private add(root: JsonObject, location: string): void {
    this.documents.set(location, root)
    const own = new Map<unknown, Resource>()
    this.identified.set(location, own)
    // Those above come first, so that their bases are known.
    for (const spot of nodes({ value: root, at: rootPlace(location) })) {
      const id = memberOf(spot.value, '$id') ?? (spot.value === root ? memberOf(root, '$self') : '')
      if (typeof id !== 'string' || id === '' || id.startsWith('#')) continue
      const uri = URL.parse(id, this.baseOf(spot.at))
      if (uri === null) continue
      uri.hash = ''
      own.set(spot.value, { uri: uri.href, root: spot })
      if (!this.resources.has(uri.href)) this.resources.set(uri.href, spot)
    }
  }

  private baseOf(at: Place): string {
    return this.resourceOf(at)?.uri ?? uriOf(at.document)
  }

  /** The nearest schema with an `$id` that holds the place. */
  private resourceOf(at: Place): Resource | undefined {
    const own = this.identified.get(at.document)
    if (own === undefined || own.size === 0) return undefined
    const keys: string[] = []
    for (let place = at; place.parent !== undefined; place = place.parent)
      if (keys.push(place.key) > identifiedDepthMax) return undefined
    let value: unknown = this.documents.get(at.document)
    let nearest = own.get(value)
    for (const key of keys.reverse()) {
      value = Array.isArray(value) ? value[Number(key)] : memberOf(value, key)
      nearest = own.get(value) ?? nearest
    }
    return nearest
  }

  /** Reads everything that the description, which is `root`, points at. */
  static async load(
    description: Document,
    root: JsonObject,
    read: ReadDocument,
  ): Promise<Documents> {
    const documents = new Documents(root, description.location)
    await documents.follow(description, read)
    return documents
  }

  private async follow(description: Document, read: ReadDocument): Promise<void> {
    let chars = description.text.length
    const queue = [description.location]
    for (let location = queue.shift(); location !== undefined; location = queue.shift())
      for (const reference of this.externalReferences(location)) {
        try {
          if (this.documents.size >= documentsMax || chars > documentsCharsMax)
            throw new ConversionFault(
              'description_too_large',
              `The description points at more than ${documentsMax} documents or ${documentsCharsMax} characters.`,
            )
          const document = await read(reference, location)
          chars += document.text.length
          if (!this.documents.has(document.location)) {
            this.add(await parseDocument(document), document.location)
            queue.push(document.location)
          }
          this.links.set(`${location}\n${reference}`, {
            kind: 'document',
            location: document.location,
          })
        } catch (thrown) {
          const fault = toFault(thrown)
          this.links.set(`${location}\n${reference}`, { kind: 'fault', fault })
        }
      }
  }

  /** Follows `$ref`s until there is none; a spot without one is its own target. */
  target(spot: Spot): Found {
    let at = spot
    for (let hop = 0; hop < hopsMax; hop++) {
      const reference = memberOf(at.value, '$ref')
      if (typeof reference !== 'string') return { kind: 'found', spot: at }
      const found = this.resolve(reference, at.at)
      if (found.kind === 'lost') return found
      at = found.spot
    }
    return circle
  }

  /**
   * The target of a schema, and before it what stands beside each reference that leads there: all of them apply (JSON
   * Schema 2020-12 core section 8.2.3.1). 3.0 ignores what stands beside, but nobody writes it to be ignored. Empty when
   * a reference leads nowhere.
   */
  layers(spot: Spot): readonly Spot[] {
    const layers = this.chain(spot)
    return layers.kind === 'found' ? layers.spots : []
  }

  private chain(spot: Spot): Layers {
    const spots: Spot[] = []
    let at = spot
    for (let hop = 0; hop < hopsMax; hop++) {
      const { value } = at
      const reference = memberOf(value, '$ref')
      if (!isObject(value) || typeof reference !== 'string') {
        spots.push(at)
        return { kind: 'found', spots }
      }
      const beside = this.beside(value)
      if (Object.keys(beside).length > 0) spots.push({ value: beside, at: at.at })
      const found = this.resolve(reference, at.at)
      if (found.kind === 'lost') return found
      at = found.spot
    }
    return circle
  }

  /** The same object each time, so that circles are seen. */
  private beside(value: JsonObject): JsonObject {
    let beside = this.siblings.get(value)
    if (beside === undefined) {
      const { $ref: _, ...others } = value
      beside = others
      this.siblings.set(value, beside)
    }
    return beside
  }

  /**
   * What stands at `spot`, of anything but a schema: an operation, a response, a whole map. What stands beside a
   * reference goes before what its target says (OpenAPI 3.1 section 4.8.23).
   */
  object(spot: Spot): Found {
    const { value } = spot
    if (!isObject(value) || typeof memberOf(value, '$ref') !== 'string')
      return { kind: 'found', spot }
    const layers = this.chain(spot)
    if (layers.kind === 'lost') return layers
    const last = layers.spots.at(-1) ?? spot
    if (layers.spots.length === 1 || !isObject(last.value)) return { kind: 'found', spot: last }
    let merged = this.merged.get(value)
    if (merged === undefined) {
      merged = Object.fromEntries(
        [...layers.spots].reverse().flatMap((layer) => membersOf(layer.value)),
      )
      this.merged.set(value, merged)
    }
    return { kind: 'found', spot: { value: merged, at: last.at } }
  }

  /** A member of an object, read like `object`; undefined when there is none, or when it leads nowhere. */
  member({ value, at }: Spot, key: string): Spot | undefined {
    const member = memberOf(value, key)
    if (member === undefined) return undefined
    const found = this.object({ value: member, at: placeIn(at, key) })
    return found.kind === 'found' ? found.spot : undefined
  }

  /** The members of a map or a list, e.g. of `properties` or `servers`. */
  entries(holder: Spot, key: string): readonly (readonly [string, Spot])[] {
    const map = this.member(holder, key)
    if (map === undefined) return []
    const { value: held, at } = map
    const members = Array.isArray(held) ? Object.entries<unknown>(held) : membersOf(held)
    return members.map(([name, value]) => [name, { value, at: placeIn(at, name) }])
  }

  /** One step: the target of a reference, which may be a reference again. */
  resolve(reference: string, from: Place): Found {
    const resource = this.resourceOf(from)
    const key = `${resource?.uri ?? from.document}\n${reference}`
    const known = this.targets.get(key)
    if (known !== undefined) return known
    const embedded = this.embedded(reference, from, resource)
    const found: Found =
      embedded === undefined ? this.find(reference, from) : { kind: 'found', spot: embedded }
    this.targets.set(key, found)
    return found
  }

  /** A target that is known by its `$id`. Undefined: what authors mean is looked for in the document as a whole. */
  private embedded(
    reference: string,
    from: Place,
    resource: Resource | undefined,
  ): Spot | undefined {
    if (this.resources.size === 0) return undefined
    const [file = '', fragment = ''] = reference.split(/#(.*)/s, 2)
    const uri = file === '' ? undefined : URL.parse(file, resource?.uri ?? uriOf(from.document))
    const root = uri === undefined ? resource?.root : this.resources.get(uri?.href ?? '')
    return root === undefined ? undefined : this.fragment(fragment, root)
  }

  private find(reference: string, from: Place): Found {
    const hash = reference.indexOf('#')
    const file = hash < 0 ? reference : reference.slice(0, hash)
    const fragment = hash < 0 ? '' : reference.slice(hash + 1)
    const link: Loaded | undefined =
      file === ''
        ? { kind: 'document', location: from.document }
        : this.links.get(`${from.document}\n${file}`)
    if (link === undefined)
      return lost('reference_unresolved', `${shown(reference)} points at nothing.`)
    if (link.kind === 'fault')
      return lost(link.fault.code, `${shown(reference)}: ${link.fault.message}`)
    const { location } = link
    const root = { value: this.documents.get(location), at: rootPlace(location) }
    const spot = this.fragment(fragment, root)
    return spot === undefined
      ? lost('reference_unresolved', `${shown(reference)} points at nothing.`)
      : { kind: 'found', spot }
  }

  private fragment(fragment: string, root: Spot): Spot | undefined {
    if (fragment === '') return root
    if (!fragment.startsWith('/')) return this.anchored(fragment, root)
    let spot: Spot | undefined = root
    for (const part of fragment.slice(1).split('/')) {
      spot = this.child(spot, unescapePointer(part))
      if (spot === undefined) return undefined
    }
    return spot
  }

  /** Bundlers write pointers that lead through references; those are followed on the way, one by one. */
  private child(spot: Spot, key: string): Spot | undefined {
    const { value, at } = spot
    if (Array.isArray(value)) {
      const entry: unknown = /^\d{1,6}$/.test(key) ? value[Number(key)] : undefined
      return entry === undefined ? undefined : { value: entry, at: placeIn(at, key) }
    }
    const member = memberOf(value, key)
    if (member !== undefined) return { value: member, at: placeIn(at, key) }
    const reference = memberOf(value, '$ref')
    if (typeof reference !== 'string' || this.passing >= hopsMax) return undefined
    this.passing++
    try {
      const found = this.resolve(reference, at)
      return found.kind === 'found' ? this.child(found.spot, key) : undefined
    } finally {
      this.passing--
    }
  }

  private passing = 0

  /** Plain names (JSON Schema 2020-12 section 8.2.2). */
  private anchored(name: string, root: Spot): Spot | undefined {
    let known = this.anchors.get(root.value)
    if (known === undefined) {
      known = anchorsOf(root)
      this.anchors.set(root.value, known)
    }
    return known.get(name)
  }

  /** References to other documents, without fragments; those to schemas with an `$id` are none. */
  private externalReferences(location: string): ReadonlySet<string> {
    const found = new Set<string>()
    for (const { value, at } of nodes({
      value: this.documents.get(location),
      at: rootPlace(location),
    })) {
      const reference = memberOf(value, '$ref')
      if (typeof reference !== 'string' || reference.startsWith('#')) continue
      const [file = ''] = reference.split('#', 1)
      if (file !== '' && this.embedded(file, at, this.resourceOf(at)) === undefined) found.add(file)
    }
    return found
  }
}

type Lost = Extract<Found, { readonly kind: 'lost' }>

function lost(code: ConversionCode, reason: string): Lost {
  return { kind: 'lost', code, reason }
}

const circle = lost('reference_unresolved', 'The reference leads in a circle.')

function uriOf(location: string): string {
  return /^[a-z][a-z0-9+.-]+:/i.test(location) ? location : pathToFileURL(location).href
}

function shown(reference: string): string {
  return JSON.stringify(reference.length > 200 ? `${reference.slice(0, 200)}...` : reference)
}

function toFault(thrown: unknown): ConversionFault {
  if (thrown instanceof ConversionFault) return thrown
  const why = messageOf(thrown)
  return new ConversionFault('document_unreadable', why)
}

function unescapePointer(part: string): string {
  const plain = part.includes('%') ? decoded(part) : part
  return plain.includes('~') ? namedBy(plain) : plain
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

function anchorsOf(root: Spot): ReadonlyMap<string, Spot> {
  const found = new Map<string, Spot>()
  for (const { value, at } of nodes(root))
    for (const keyword of ['$anchor', '$dynamicAnchor']) {
      const name = memberOf(value, keyword)
      if (typeof name === 'string' && !found.has(name)) found.set(name, { value, at })
    }
  return found
}

/**
 * Every object that may be part of a description, each once though YAML anchors repeat it. Without recursion: a stranger
 * chose the depth.
 */
function* nodes(root: Spot): Generator<Spot> {
  const seen = new Set<unknown>()
  const stack: { spot: Spot; named: boolean }[] = [{ spot: root, named: false }]
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { spot, named } = next
    const { value, at } = spot
    if (typeof value !== 'object' || value === null || seen.has(value)) continue
    seen.add(value)
    if (isObject(value)) yield spot
    for (const [key, entry] of Array.isArray(value) ? value.entries() : membersOf(value)) {
      const name = String(key)
      if (typeof entry !== 'object' || entry === null) continue
      if (!named && (data.has(name) || name.startsWith('x-'))) continue
      const inMap = !named && !Array.isArray(entry) && maps.has(name)
      stack.push({ spot: { value: entry, at: placeIn(at, name) }, named: inMap })
    }
  }
}
