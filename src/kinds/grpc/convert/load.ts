/** A description as linked files: a descriptor set as it is, or a `.proto` with all that it imports. */

import { dirname, relative } from 'node:path'
import { clone, fromBinary } from '@bufbuild/protobuf'
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt'
import { messageOf } from '../../../kit/thrown.ts'
import {
  ConversionFault,
  type ConversionReport,
  type Document,
  type ReadDocument,
} from '../../../model/conversion.ts'
import { typesOf as descriptorTypes } from './complete.ts'
import { fileDescriptor, type ParsedFile, type Protobufjs, typesOf } from './proto-descriptor.ts'
import { wellKnownFiles } from './well-known.ts'

const filesMax = 2_000
const charactersMax = 32_000_000
/** Files of Google's API design, and the like, that declare options and no message that a method takes. */
const optionsOnly =
  /^(?:google\/api\/(?:annotations|client|field_behavior|field_info|http|launch_stage|resource|routing|visibility)|gogoproto\/gogo|validate\/validate|buf\/validate\/validate|protoc-gen-openapiv2\/options\/(?:annotations|openapiv2)|openapiv3\/annotations)\.proto$/
/** How far above the file its import folder is looked for. */
const levelsMax = 8

export interface Linked {
  /** Imports before what imports them. */
  readonly files: readonly FileDescriptorProto[]
  /** Names of the files whose services become tools. */
  readonly own: ReadonlySet<string>
  readonly notes: readonly ConversionReport[]
}

/** @throws ConversionFault when it is neither, or too large */
export async function load(
  description: Document,
  read: ReadDocument,
  root: string | undefined,
): Promise<Linked> {
  const notes: ConversionReport[] = []
  if (description.base64 === true) {
    const files = descriptorSet(description)
    return {
      files: sorted(files, notes, description.location),
      own: new Set(files.map(({ name }) => name)),
      notes,
    }
  }
  const { default: pb } = await import('protobufjs')
  const loader = new ProtoLoader(pb, description, { read, root, notes })
  const main = await loader.loadAll()
  const files = sorted(loader.descriptors(), undefined, description.location)
  const withServices = files.filter(({ service }) => service.length > 0)
  const isService = withServices.some(({ name }) => name === main)
  return { files, own: new Set(isService ? [main] : withServices.map(({ name }) => name)), notes }
}

function descriptorSet({ text, location }: Document): readonly FileDescriptorProto[] {
  const bytes = Buffer.from(text, 'base64')
  try {
    const { file } = fromBinary(FileDescriptorSetSchema, bytes)
    if (file.length > 0 && file.every(({ name }) => name !== '')) return file
  } catch {
    // Said below.
  }
  throw new ConversionFault(
    'description_invalid',
    'it is no descriptor set (protoc --descriptor_set_out --include_imports)',
    location,
  )
}

/** Files in the order in which they can be linked; imports that are not there are the well-known ones, or lost. `notes` tells of those. */
function sorted(
  files: readonly FileDescriptorProto[],
  notes: ConversionReport[] | undefined,
  location: string,
): readonly FileDescriptorProto[] {
  if (files.length > filesMax)
    throw new ConversionFault('description_too_large', `more than ${filesMax} files`)
  const byName = new Map(files.map((file) => [file.name, file]))
  const done = new Map<string, FileDescriptorProto>()
  const open = new Set<string>()
  const visit = (name: string): boolean => {
    if (done.has(name)) return true
    const file = byName.get(name) ?? wellKnownFiles.get(name)
    if (file === undefined) {
      notes?.push({
        operation: '',
        code: 'document_unreadable',
        reason: `the file "${name}" is not there`,
        place: location,
      })
      return false
    }
    if (open.has(name))
      throw new ConversionFault(
        'description_invalid',
        `"${name}" imports itself, by way of others`,
        location,
      )
    open.add(name)
    const dependency = file.dependency.filter(visit)
    done.set(
      name,
      dependency.length === file.dependency.length ? file : withDependencies(file, dependency),
    )
    return true
  }
  for (const { name } of files) visit(name)
  return [...done.values()]
}

function withDependencies(file: FileDescriptorProto, dependency: string[]): FileDescriptorProto {
  const copy = clone(FileDescriptorProtoSchema, file)
  return Object.assign(copy, { dependency, publicDependency: [], weakDependency: [] })
}

class ProtoLoader {
  private readonly pb: Protobufjs
  private readonly description: Document
  private readonly read: ReadDocument
  private readonly root: string | undefined
  private readonly notes: ConversionReport[]
  private readonly files = new Map<string, ParsedFile>()
  private characters = 0
  /** The way from the description to the folder of imports, once it is found. */
  private base: string | undefined

  constructor(
    pb: Protobufjs,
    description: Document,
    {
      read,
      root,
      notes,
    }: { read: ReadDocument; root: string | undefined; notes: ConversionReport[] },
  ) {
    this.pb = pb
    this.description = description
    this.read = read
    this.root = root
    this.notes = notes
  }

  /** Reads it and its imports; answers the name of the description itself. */
  async loadAll(): Promise<string> {
    const { location, text } = this.description
    const first = this.parse(text, location, '')
    const plain =
      location
        .replace(/[?#].*$/, '')
        .split(/[/\\]/)
        .at(-1) ?? 'description.proto'
    const folder = first.package.replaceAll('.', '/')
    const name = folder === '' ? plain : `${folder}/${plain}`
    this.files.set(name, { ...first, name })
    const queue = [...first.imports]
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      if (this.files.has(next) || wellKnownFiles.has(next)) continue
      if (this.files.size >= filesMax)
        throw new ConversionFault('description_too_large', `more than ${filesMax} files`)
      const document = await this.import(next, first.package)
      if (document === undefined) continue
      // The description under the name that others import it by.
      if (document.location === location) {
        this.files.delete(name)
        this.files.set(next, { ...first, name: next })
        continue
      }
      const file = this.parse(document.text, document.location, next)
      this.files.set(next, file)
      queue.push(...file.imports)
    }
    return this.files.has(name)
      ? name
      : ([...this.files.values()].find(({ root }) => root === first.root)?.name ?? name)
  }

  private parse(text: string, location: string, name: string): ParsedFile {
    this.characters += text.length
    if (this.characters > charactersMax)
      throw new ConversionFault('description_too_large', `more than ${charactersMax} characters`)
    try {
      const root = new this.pb.Root()
      const parsed = this.pb.parse(text, root, { keepCase: true, alternateCommentMode: true })
      const imports = [...(parsed.imports ?? []), ...(parsed.weakImports ?? [])]
      return { name, package: parsed.package ?? '', imports, syntax: this.syntaxOf(text), root }
    } catch (thrown) {
      throw unparsed(thrown, location)
    }
  }

  /** The first statement of a file (protobuf language, "syntax" and "edition"). */
  private syntaxOf(text: string): string {
    const tokens = this.pb.tokenize(text, true)
    const keyword = tokens.next()
    if (keyword !== 'syntax' && keyword !== 'edition') return 'proto2'
    tokens.next()
    const quote = tokens.next()
    const value = tokens.next()
    return quote === '"' || quote === "'" ? (value ?? 'proto2') : 'proto2'
  }

  /** Looks for an import from the folder that is configured, or from the description upwards. */
  private async import(name: string, ofPackage: string): Promise<Document | undefined> {
    const { location } = this.description
    const depth = ofPackage === '' ? 0 : ofPackage.split('.').length
    const upwards = [
      '',
      ...Array.from({ length: Math.min(depth, levelsMax) }, (_, index) => '../'.repeat(index + 1)),
    ]
    const bases =
      this.root !== undefined
        ? [fromRoot(this.root, location)]
        : this.base !== undefined
          ? [this.base]
          : upwards
    let fault: ConversionFault | undefined
    for (const base of bases)
      try {
        const document = await this.read(base + name, location)
        this.base = base
        return document
      } catch (thrown) {
        if (!(thrown instanceof ConversionFault) || thrown.code === 'description_too_large')
          throw thrown
        fault ??= thrown
      }
    // What it declares is read by `options.ts`, or says nothing to a caller: nothing is lost without it.
    if (optionsOnly.test(name)) return undefined
    this.notes.push({
      operation: '',
      code: fault?.code ?? 'document_unreadable',
      reason: `the imported file "${name}" was not found; --root, or grpc.root in a file, says where imports start`,
      place: location,
    })
    return undefined
  }

  descriptors(): readonly FileDescriptorProto[] {
    const files = [...this.files.values()]
    const kinds = descriptorTypes([...wellKnownFiles.values()])
    for (const file of files)
      for (const [name, kind] of typesOf(file, this.pb)) kinds.set(name, kind)
    return files.map((file) => fileDescriptor(file, kinds, this.pb))
  }
}

/** The way from a document to the folder of imports. */
function fromRoot(root: string, location: string): string {
  if (/^https?:\/\//i.test(root)) return root.endsWith('/') ? root : `${root}/`
  const way = relative(dirname(location), root).replaceAll('\\', '/')
  return way === '' ? '' : `${way}/`
}

function unparsed(thrown: unknown, location: string): ConversionFault {
  const message = messageOf(thrown)
  const line = /line (\d+)/.exec(message)?.[1]
  return new ConversionFault(
    'description_invalid',
    `it is no .proto file: ${message.slice(0, 300)}`,
    line === undefined ? location : `${location}:${line}`,
  )
}
