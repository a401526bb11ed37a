/** Files to a registry. What they refer to and nobody has is filled in empty, so that everything else still works. */
import { create, createFileRegistry, type FileRegistry } from '@bufbuild/protobuf'
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt'
import { ConversionFault } from '../../model/conversion.ts'

export interface Link {
  readonly registry: FileRegistry
  readonly files: readonly FileDescriptorProto[]
  /** Full names of messages that are not in the description. */
  readonly missing: ReadonlySet<string>
}

/** @throws ConversionFault description_invalid */
export function link(files: readonly FileDescriptorProto[], location: string): Link {
  const known = new Set<string>()
  const fields: FieldDescriptorProto[] = []
  for (const file of files) {
    const scope = file.package === '' ? '' : `.${file.package}`
    walk(scope, file, known, fields)
  }
  const wanted = new Set<string>()
  for (const { typeName } of fields) if (typeName !== '') wanted.add(typeName)
  for (const { service } of files)
    for (const { method } of service)
      for (const { inputType, outputType } of method) wanted.add(inputType).add(outputType)
  const missing = [...wanted].filter((name) => !known.has(name))
  const whole = [
    ...missing.map(placeholder),
    // Extensions of messages that are not there say nothing that a call could use.
    ...files.map((file) =>
      file.extension.length === 0
        ? file
        : create(FileDescriptorProtoSchema, {
            ...file,
            extension: file.extension.filter(
              ({ extendee, typeName }) =>
                known.has(extendee) && (typeName === '' || known.has(typeName)),
            ),
          }),
    ),
  ]
  try {
    const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: whole }))
    return { registry, files: whole, missing: new Set(missing.map((name) => name.slice(1))) }
  } catch (thrown) {
    throw unlinked(thrown, location)
  }
}

function unlinked(thrown: unknown, location: string): ConversionFault {
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return new ConversionFault(
    'description_invalid',
    `its descriptors do not fit together: ${message.slice(0, 300)}`,
    location,
  )
}

function walk(
  scope: string,
  holder: {
    readonly messageType: readonly DescriptorProto[]
    readonly enumType: readonly EnumDescriptorProto[]
  },
  known: Set<string>,
  fields: FieldDescriptorProto[],
): void {
  const queue = holder.messageType.map((message) => ({ scope, message }))
  for (const { name } of holder.enumType) known.add(`${scope}.${name}`)
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const { message } = next
    const name = `${next.scope}.${message.name}`
    known.add(name)
    for (const one of message.enumType) known.add(`${name}.${one.name}`)
    fields.push(...message.field)
    for (const nested of message.nestedType) queue.push({ scope: name, message: nested })
  }
}

function placeholder(name: string): FileDescriptorProto {
  const at = name.lastIndexOf('.')
  return create(FileDescriptorProtoSchema, {
    name: `unresolved${name}`,
    package: name.slice(1, Math.max(at, 1)),
    syntax: 'proto3',
    messageType: [{ name: name.slice(at + 1) }],
  })
}
