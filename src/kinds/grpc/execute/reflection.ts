/** Server reflection (grpc/reflection/v1/reflection.proto, and v1alpha): the descriptors of all services of a server. */
import { clone, create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt'
import { GatewayError } from '../../../model/refusal.ts'

const filesMax = 2_000
const bytesMax = 32_000_000

/** One question of a reflection stream. */
export type Ask = (request: Buffer) => Promise<Buffer>

/** Field numbers of ServerReflectionRequest. */
const fileByName = 3
const fileOfSymbol = 4
const listServices = 7

function request(field: number, text: string): Buffer {
  return Buffer.from(new BinaryWriter().tag(field, WireType.LengthDelimited).string(text).finish())
}

/** The length-delimited members of a message with that number. */
function members(bytes: Uint8Array, field: number): readonly Uint8Array[] {
  const reader = new BinaryReader(bytes)
  const found: Uint8Array[] = []
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    if (number === field && type === WireType.LengthDelimited) found.push(reader.bytes())
    else reader.skip(type)
  }
  return found
}

const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('utf8')

/** Files in a ServerReflectionResponse; none when the server has an error for an answer. */
function filesOf(response: Buffer): readonly Uint8Array[] {
  return members(response, 4).flatMap((files) => members(files, 1))
}

/** Base64 of a FileDescriptorSet with the services of the server, but for reflection itself. @throws GatewayError */
export async function reflect(ask: Ask): Promise<string> {
  const files = new Map<string, FileDescriptorProto>()
  const own = new Set<string>()
  let bytes = 0
  const keep = (encoded: Uint8Array): string => {
    bytes += encoded.length
    const file = fromBinary(FileDescriptorProtoSchema, encoded)
    if (!files.has(file.name)) files.set(file.name, file)
    if (files.size > filesMax || bytes > bytesMax)
      throw new GatewayError('answer_too_large', {
        detail: 'the descriptors of the server are too large',
      })
    return file.name
  }
  const listed = members(await ask(request(listServices, '*')), 6).flatMap((list) =>
    members(list, 1),
  )
  const names = listed
    .map((service) => text(members(service, 1)[0]))
    .filter((name) => !/^grpc\.reflection\./.test(name))
  for (const name of names) {
    const found = filesOf(await ask(request(fileOfSymbol, name))).map(keep)
    for (const one of found)
      if (
        files
          .get(one)
          ?.service.some(
            (service) => fullName(files.get(one)?.package ?? '', service.name) === name,
          )
      )
        own.add(name)
  }
  const asked = new Set<string>()
  for (const file of files.values())
    for (const dependency of file.dependency) {
      if (files.has(dependency) || asked.has(dependency)) continue
      asked.add(dependency)
      for (const encoded of filesOf(await ask(request(fileByName, dependency)))) keep(encoded)
    }
  if (own.size === 0)
    throw new GatewayError('description_unusable', {
      detail: 'server reflection lists no service with a description',
    })
  const listedFiles = [...files.values()].map((file) => onlyServices(file, own))
  const set = create(FileDescriptorSetSchema, { file: listedFiles })
  return Buffer.from(toBinary(FileDescriptorSetSchema, set)).toString('base64')
}

const fullName = (scope: string, name: string): string => (scope === '' ? name : `${scope}.${name}`)

/** A file may describe services that this server does not have. */
function onlyServices(file: FileDescriptorProto, own: ReadonlySet<string>): FileDescriptorProto {
  const service = file.service.filter(({ name }) => own.has(fullName(file.package, name)))
  return service.length === file.service.length
    ? file
    : Object.assign(clone(FileDescriptorProtoSchema, file), { service })
}
