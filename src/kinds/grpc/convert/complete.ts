/**
 * Descriptors as `protoc` completes them. Servers and compilers leave out what can be told: names in JSON, the kind of a
 * type that is named, the way to a name from the outermost scope (descriptor.proto, `json_name`, `type`, `type_name`).
 */
import { clone } from '@bufbuild/protobuf'
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  FieldDescriptorProto_Type as FieldType,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt'

/** Kinds of types by their full name with a leading dot. */
export type TypeKinds = ReadonlyMap<string, 'message' | 'enum'>

interface Scope {
  /** With a leading dot; empty for no package. */
  readonly name: string
  readonly messageType: readonly DescriptorProto[]
  readonly enumType: readonly EnumDescriptorProto[]
}

/** Every scope of a file: the file itself, then each message. */
function* scopesOf(
  file: FileDescriptorProto,
): Generator<Scope & { readonly message?: DescriptorProto }> {
  const name = file.package === '' ? '' : `.${file.package}`
  yield { name, messageType: file.messageType, enumType: file.enumType }
  const queue = file.messageType.map((message) => ({ outer: name, message }))
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const { outer, message } = next
    const inner = `${outer}.${message.name}`
    yield { name: inner, messageType: message.nestedType, enumType: message.enumType, message }
    for (const nested of message.nestedType) queue.push({ outer: inner, message: nested })
  }
}

export function typesOf(files: readonly FileDescriptorProto[]): Map<string, 'message' | 'enum'> {
  const kinds = new Map<string, 'message' | 'enum'>()
  for (const file of files)
    for (const { name, messageType, enumType } of scopesOf(file)) {
      for (const message of messageType) kinds.set(`${name}.${message.name}`, 'message')
      for (const one of enumType) kinds.set(`${name}.${one.name}`, 'enum')
    }
  return kinds
}

/** Full names of the types that fields of completed files have. */
export function* namedTypes(files: readonly FileDescriptorProto[]): Generator<string> {
  for (const file of files)
    for (const { message } of scopesOf(file))
      for (const { typeName } of message?.field ?? []) if (typeName !== '') yield typeName
}

/** From the inside to the outside, as C++ looks names up; what nothing stands for is taken for a full name. */
export function resolveName(written: string, scope: string, kinds: TypeKinds): string {
  if (written === '' || written.startsWith('.')) return written
  for (let at = scope; ; at = at.slice(0, at.lastIndexOf('.'))) {
    const candidate = `${at}.${written}`
    if (kinds.has(candidate) || at === '') return candidate
  }
}

/** As `protoc` makes it: without underscores, what follows them in upper case. */
export function jsonName(name: string): string {
  return name.replaceAll(/_+([^_]?)/g, (_, next: string) => next.toUpperCase())
}

/** A copy with everything said. Extensions are left out: they say nothing that a call could use. */
export function completed(file: FileDescriptorProto, kinds: TypeKinds): FileDescriptorProto {
  const copy = clone(FileDescriptorProtoSchema, file)
  copy.extension = []
  for (const { name, message } of scopesOf(copy)) {
    if (message === undefined) continue
    message.extension = []
    for (const field of message.field) complete(field, name, kinds)
  }
  const scope = copy.package === '' ? '' : `.${copy.package}`
  for (const service of copy.service)
    for (const method of service.method) {
      method.inputType = resolveName(method.inputType, `${scope}.${service.name}`, kinds)
      method.outputType = resolveName(method.outputType, `${scope}.${service.name}`, kinds)
    }
  return copy
}

function complete(field: FieldDescriptorProto, scope: string, kinds: TypeKinds): void {
  if (field.jsonName === '') field.jsonName = jsonName(field.name)
  if (field.typeName === '') return
  field.typeName = resolveName(field.typeName, scope, kinds)
  // Absent, the type reads as its first value, DOUBLE, which names no type.
  if (field.type === FieldType.DOUBLE)
    field.type = kinds.get(field.typeName) === 'enum' ? FieldType.ENUM : FieldType.MESSAGE
}
