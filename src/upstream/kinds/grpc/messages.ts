/** JSON to the bytes of a message and back, by the descriptors of a conversion. */
import {
  create,
  createFileRegistry,
  type DescMessage,
  type FileRegistry,
  fromBinary,
  fromJson,
  type JsonValue,
  type Registry,
  toBinary,
  toJson,
} from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import type { GrpcCommon, GrpcPlan } from '../../../model/kinds/grpc.ts'
import { GatewayError } from '../../../model/refusal.ts'

/** Arguments that no message can be made of; the message is for the model. */
export class ArgumentFault extends Error {}

const registries = new WeakMap<GrpcCommon, FileRegistry>()

export function registryOf(common: GrpcCommon): FileRegistry {
  let registry = registries.get(common)
  if (registry === undefined) {
    registry = createFileRegistry(
      fromBinary(FileDescriptorSetSchema, Buffer.from(common.files, 'base64')),
    )
    registries.set(common, registry)
  }
  return registry
}

function messageOf(registry: Registry, name: string): DescMessage {
  const message = registry.getMessage(name)
  if (message === undefined)
    throw new GatewayError('description_unusable', { detail: `no message ${name}` })
  return message
}

/** Numbers that a double would round become texts, which the JSON form of 64-bit integers takes as well. */
function parseExact(json: string): unknown {
  return JSON.parse(json, (_key, value: unknown, context?: { source?: string }) =>
    typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)
      ? (context?.source ?? value)
      : value,
  )
}

function isJson(_value: unknown): _value is JsonValue {
  return true
}

function isObject(value: JsonValue): value is { [key: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** @throws ArgumentFault */
export function encodeMessage(plan: GrpcPlan, common: GrpcCommon, args: string): Buffer {
  const registry = registryOf(common)
  const message = messageOf(registry, plan.input)
  const json = parseExact(args)
  if (!isJson(json) || !isObject(json)) throw new ArgumentFault('The arguments must be an object.')
  try {
    const value = plan.inputWrapped ? (json['value'] ?? null) : json
    return Buffer.from(toBinary(message, fromJson(message, value, { registry })))
  } catch (thrown) {
    throw argumentFault(thrown)
  }
}

function argumentFault(thrown: unknown): ArgumentFault {
  const text = thrown instanceof Error ? thrown.message : String(thrown)
  return new ArgumentFault(`The arguments make no message: ${text}`, { cause: thrown })
}

/** The JSON form of an answer; unset plain fields are there with their default. @throws GatewayError server_broken */
export function decodeMessage(plan: GrpcPlan, common: GrpcCommon, bytes: Buffer): string {
  const registry = registryOf(common)
  const message = messageOf(registry, plan.output)
  try {
    const decoded = fromBinary(message, bytes)
    const json = toJson(message, decoded, {
      registry: anyTolerant(registry),
      alwaysEmitImplicit: true,
    })
    return JSON.stringify(plan.outputWrapped ? { value: json } : json)
  } catch (thrown) {
    throw broken(thrown)
  }
}

function broken(thrown: unknown): GatewayError {
  const detail = thrown instanceof Error ? thrown.message : String(thrown)
  return new GatewayError('server_broken', {
    detail,
    hint: `Its answer is not the message that its description promises (${detail.slice(0, 200)}).`,
    cause: thrown,
  })
}

/** The JSON form of `Any` needs its message; of one that is not in the description, only the type is told. */
function anyTolerant(registry: FileRegistry): Registry {
  return {
    kind: 'registry',
    [Symbol.iterator]: () => registry[Symbol.iterator](),
    get: (name) => registry.get(name),
    getMessage: (name) => registry.getMessage(name) ?? emptyMessage(name),
    getEnum: (name) => registry.getEnum(name),
    getExtension: (name) => registry.getExtension(name),
    getExtensionFor: (message, number) => registry.getExtensionFor(message, number),
    getService: (name) => registry.getService(name),
  }
}

function emptyMessage(name: string): DescMessage | undefined {
  if (!/^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$/.test(name)) return undefined
  const at = name.lastIndexOf('.')
  const file = create(FileDescriptorProtoSchema, {
    name: 'unknown.proto',
    package: name.slice(0, Math.max(at, 0)),
    syntax: 'proto3',
    messageType: [{ name: name.slice(at + 1) }],
  })
  return createFileRegistry(file, () => undefined).getMessage(name)
}
