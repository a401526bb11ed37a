/**
 * The description and the documents that it points at, and the way from a `$ref` to its target. Documents are read
 * before the conversion, through `ReadDocument` alone; nothing here opens a file or a connection by itself.
 */
import { namedBy } from '../../kit/json-pointer.ts'
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

export class Documents {
  readonly root: Spot
  private readonly documents = new Map<string, JsonObject>()
  /** By the location that holds the reference, and the reference without its fragment. */
  private readonly links = new Map<string, Loaded>()
  private readonly targets = new Map<string, Found>()
  private readonly anchors = new Map<string, ReadonlyMap<string, Spot>>()

  private constructor(root: JsonObject, location: string) {
    this.root = { value: root, at: rootPlace(location) }
    this.documents.set(location, root)
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
      for (const reference of externalReferences(this.documents.get(location))) {
        try {
          if (this.documents.size >= documentsMax || chars > documentsCharsMax)
            throw new ConversionFault(
              'description_too_large',
              `The description points at more than ${documentsMax} documents or ${documentsCharsMax} characters.`,
            )
          const document = await read(reference, location)
          chars += document.text.length
          if (!this.documents.has(document.location)) {
            this.documents.set(document.location, await parseDocument(document))
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
    return lost('reference_unresolved', 'The reference leads in a circle.')
  }

  /** One step: the target of a reference, which may be a reference again. */
  resolve(reference: string, from: Place): Found {
    const key = `${from.document}\n${reference}`
    const known = this.targets.get(key)
    if (known !== undefined) return known
    const found = this.find(reference, from)
    this.targets.set(key, found)
    return found
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
    const spot = this.fragment(fragment, link.location)
    return spot === undefined
      ? lost('reference_unresolved', `${shown(reference)} points at nothing.`)
      : { kind: 'found', spot }
  }

  private fragment(fragment: string, location: string): Spot | undefined {
    const root: Spot = { value: this.documents.get(location), at: rootPlace(location) }
    if (fragment === '') return root
    if (!fragment.startsWith('/')) return this.anchored(fragment, location)
    let spot: Spot | undefined = root
    for (const part of fragment.slice(1).split('/')) {
      spot = this.child(spot, unescapePointer(part))
      if (spot === undefined) return undefined
    }
    return spot
  }

  /** Bundlers write pointers that lead through references; those are followed on the way. */
  private child(spot: Spot, key: string): Spot | undefined {
    const { value, at } = spot
    if (Array.isArray(value)) {
      const entry: unknown = /^\d{1,6}$/.test(key) ? value[Number(key)] : undefined
      return entry === undefined ? undefined : { value: entry, at: placeIn(at, key) }
    }
    const member = memberOf(value, key)
    if (member !== undefined) return { value: member, at: placeIn(at, key) }
    if (typeof memberOf(value, '$ref') !== 'string') return undefined
    const target = this.passing < hopsMax ? this.pass(spot) : undefined
    return target === undefined || target.value === value ? undefined : this.child(target, key)
  }

  private passing = 0
  private pass(spot: Spot): Spot | undefined {
    this.passing++
    try {
      const found = this.target(spot)
      return found.kind === 'found' ? found.spot : undefined
    } finally {
      this.passing--
    }
  }

  /** Plain names (JSON Schema 2020-12 section 8.2.2), and `$id`s that a reference gives without a document. */
  private anchored(name: string, location: string): Spot | undefined {
    let known = this.anchors.get(location)
    if (known === undefined) {
      known = anchorsOf(this.documents.get(location), location)
      this.anchors.set(location, known)
    }
    return known.get(name)
  }
}

function lost(code: ConversionCode, reason: string): Found {
  return { kind: 'lost', code, reason }
}

function shown(reference: string): string {
  return JSON.stringify(reference.length > 200 ? `${reference.slice(0, 200)}...` : reference)
}

function toFault(thrown: unknown): ConversionFault {
  if (thrown instanceof ConversionFault) return thrown
  const why = thrown instanceof Error ? thrown.message : String(thrown)
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

/** References to other documents, without fragments. Without recursion: a stranger chose the depth. */
function externalReferences(root: unknown): ReadonlySet<string> {
  const found = new Set<string>()
  for (const { value } of nodes(root, '')) {
    const reference = memberOf(value, '$ref')
    if (typeof reference !== 'string' || reference.startsWith('#')) continue
    const [file = ''] = reference.split('#', 1)
    if (file !== '') found.add(file)
  }
  return found
}

function anchorsOf(root: unknown, location: string): ReadonlyMap<string, Spot> {
  const found = new Map<string, Spot>()
  for (const { value, at } of nodes(root, location))
    for (const keyword of ['$anchor', '$dynamicAnchor']) {
      const name = memberOf(value, keyword)
      if (typeof name === 'string' && !found.has(name)) found.set(name, { value, at })
    }
  return found
}

/** Every object that may be part of a description, each once though YAML anchors repeat it. */
function* nodes(root: unknown, location: string): Generator<Spot> {
  const seen = new Set<unknown>()
  const stack: { spot: Spot; named: boolean }[] = [
    { spot: { value: root, at: rootPlace(location) }, named: false },
  ]
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
