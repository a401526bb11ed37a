/** Files to a registry. What they refer to and nobody has is filled in empty, so that everything else still works. */

import { create, createFileRegistry, type FileRegistry } from '@bufbuild/protobuf'
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt'
import { messageOf } from '../../../kit/thrown.ts'
import { ConversionFault } from '../../../model/conversion.ts'
import { completed, namedTypes, typesOf } from './complete.ts'

export interface Link {
  readonly registry: FileRegistry
  readonly files: readonly FileDescriptorProto[]
  /** Full names of messages that are not in the description. */
  readonly missing: ReadonlySet<string>
}

/** @throws ConversionFault description_invalid */
export function link(files: readonly FileDescriptorProto[], location: string): Link {
  const kinds = typesOf(files)
  const whole = files.map((file) => completed(file, kinds))
  const wanted = new Set<string>()
  for (const { service } of whole)
    for (const { method } of service)
      for (const { inputType, outputType } of method) wanted.add(inputType).add(outputType)
  for (const name of namedTypes(whole)) wanted.add(name)
  const missing = [...wanted].filter((name) => !kinds.has(name))
  whole.unshift(...missing.map(placeholder))
  try {
    const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: whole }))
    return { registry, files: whole, missing: new Set(missing.map((name) => name.slice(1))) }
  } catch (thrown) {
    throw unlinked(thrown, location)
  }
}

function unlinked(thrown: unknown, location: string): ConversionFault {
  const message = messageOf(thrown)
  return new ConversionFault(
    'description_invalid',
    `its descriptors do not fit together: ${message.slice(0, 300)}`,
    location,
  )
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
