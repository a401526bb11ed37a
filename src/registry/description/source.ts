/**
 * The description of one server, with all that it points at: read for a conversion, and looked at again for changes.
 * Nothing of its text is kept; digests and the validators of HTTP are enough to see that nothing changed.
 */
import { hash } from 'node:crypto'
import { realpath } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Egress } from '../../egress/egress.ts'
import { ConversionFault, type Document, type ReadDocument } from '../../model/conversion.ts'
import { Budget, type ReadCaps } from './bounds.ts'
import { containedPath, readFileBounded, widerFolder } from './read-file.ts'
import { readUrl, shownUrl, type UrlOptions, type Validators } from './read-url.ts'
import { textOf } from './text.ts'

export interface SourceOptions {
  /** Absolute path, or http or https URL. */
  readonly place: string
  /** Where files that it points at may lie beside its own folder. */
  readonly root?: string | undefined
  /** Without a root, references may lead to a folder above; `widened` says which. */
  readonly widens?: boolean | undefined
  readonly egress: Egress
  readonly caps: ReadCaps
  readonly credential: UrlOptions['credential']
  readonly tls: UrlOptions['tls']
}

const never = new AbortController().signal

/** How a document was when it was read. */
interface Seen extends Partial<Validators> {
  readonly digest: string
}

export class DescriptionSource {
  private readonly options: SourceOptions
  /** By location, of the last reading. */
  private seen = new Map<string, Seen>()
  private budget: Budget
  /** Real paths: files inside one of them are read. */
  private folders: readonly string[] = []
  private wider: string | undefined

  constructor(options: SourceOptions) {
    this.options = options
    this.budget = new Budget(options.caps)
  }

  /** Files that were read, to be watched. */
  get files(): readonly string[] {
    return isUrl(this.options.place)
      ? []
      : [...new Set([this.options.place, ...[...this.seen.keys()].filter((key) => !isUrl(key))])]
  }

  /** The folder above its own that references led to. */
  get widened(): string | undefined {
    return this.wider
  }

  /**
   * The description itself. With `changedOnly`: undefined when neither it nor anything that it pointed at is another
   * than at the last reading. @throws ConversionFault
   */
  async describe(signal: AbortSignal, changedOnly: boolean): Promise<Document | undefined> {
    if (changedOnly && !(await this.changed(signal))) return undefined
    this.seen = new Map()
    this.budget = new Budget(this.options.caps)
    const { place } = this.options
    if (isUrl(place)) return this.fromUrl(new URL(place), signal)
    const { root } = this.options
    const folders = [dirname(place), ...(root === undefined ? [] : [root])]
    this.folders = await Promise.all(folders.map((folder) => realpath(folder).catch(() => folder)))
    this.wider = undefined
    return this.fromFile(place)
  }

  /** Reads what a document points at, within the description's folder or at hosts that are allowed. */
  readonly read: ReadDocument = async (reference, from) => {
    const [whole = ''] = reference.split('#')
    // Each document has its own time: a conversion may have waited long for its turn.
    if (isUrl(from) || isUrl(whole)) return this.fromUrl(this.targetOf(whole, from), never)
    // A path is no scheme, and a scheme other than http and https is never read.
    if (/^[a-z][a-z0-9+.-]+:/i.test(whole)) throw refusedScheme(whole, from)
    return this.fromFile(await this.pathOf(whole, from))
  }

  private async pathOf(reference: string, from: string): Promise<string> {
    const { root, widens } = this.options
    try {
      return await containedPath(reference, from, this.folders)
    } catch (fault) {
      const [own = ''] = this.folders
      const wider =
        widens === true && root === undefined
          ? await widerFolder(reference, from, { own, known: this.wider })
          : undefined
      if (wider === undefined) throw fault
      this.wider = wider.folder
      return wider.path
    }
  }

  private targetOf(reference: string, from: string): URL {
    const url = isUrl(from) ? URL.parse(reference, from) : URL.parse(reference)
    if (url === null)
      throw new ConversionFault(
        'document_unreadable',
        `${JSON.stringify(reference)} is no URL`,
        from,
      )
    if (url.protocol !== 'http:' && url.protocol !== 'https:') throw refusedScheme(reference, from)
    if (!isUrl(from) || new URL(from).protocol === 'http:' || url.protocol === 'https:') return url
    // Behind a proxy that ends TLS, services name themselves with http: the same place is asked over https.
    if (url.hostname === new URL(from).hostname && url.port === '') {
      url.protocol = 'https:'
      return url
    }
    throw new ConversionFault(
      'document_refused',
      `${JSON.stringify(reference)} leads from https to http`,
      from,
    )
  }

  private async fromFile(path: string): Promise<Document> {
    const bytes = await readFileBounded(path, this.budget.begin(path))
    this.keep(path, bytes)
    return { location: path, mediaType: undefined, ...textOf(bytes, undefined) }
  }

  private async fromUrl(url: URL, signal: AbortSignal): Promise<Document> {
    const bytesMax = this.budget.begin(shownUrl(url))
    const fetched = await readUrl(url, this.urlOptions(bytesMax, signal))
    if (fetched === undefined) throw new Error('a version that was not asked for')
    const { bytes, contentType, etag, modified } = fetched
    this.keep(url.href, bytes, { etag, modified })
    return {
      location: shownUrl(fetched.url),
      mediaType: contentType?.split(';')[0]?.trim().toLowerCase(),
      ...textOf(bytes, contentType),
    }
  }

  private keep(location: string, bytes: Buffer, validators: Partial<Validators> = {}): void {
    this.budget.spend(bytes.length)
    this.seen.set(location, { digest: hash('sha256', bytes, 'hex'), ...validators })
  }

  private urlOptions(bytesMax: number, signal: AbortSignal): UrlOptions {
    const { egress, caps, credential, tls } = this.options
    return {
      egress,
      caps,
      credential,
      bytesMax,
      signal,
      ...(tls === undefined ? {} : { tls }),
    }
  }

  private async changed(signal: AbortSignal): Promise<boolean> {
    if (this.seen.size === 0) return true
    const { documentBytesMax } = this.options.caps
    for (const [location, seen] of this.seen) {
      const bytes = isUrl(location)
        ? await this.anotherVersion(location, seen, signal)
        : await readFileBounded(location, documentBytesMax)
      if (bytes !== undefined && hash('sha256', bytes, 'hex') !== seen.digest) return true
    }
    return false
  }

  private async anotherVersion(
    location: string,
    seen: Seen,
    signal: AbortSignal,
  ): Promise<Buffer | undefined> {
    const { documentBytesMax } = this.options.caps
    const known = { etag: seen.etag, modified: seen.modified }
    const fetched = await readUrl(new URL(location), {
      ...this.urlOptions(documentBytesMax, signal),
      known,
    })
    return fetched?.bytes
  }
}

function isUrl(place: string): boolean {
  return /^https?:\/\//i.test(place)
}

function refusedScheme(reference: string, from: string): ConversionFault {
  return new ConversionFault(
    'document_refused',
    `${JSON.stringify(reference)} is neither a relative path nor an http or https URL`,
    from,
  )
}
