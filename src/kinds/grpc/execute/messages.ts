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
  ScalarType,
  toBinary,
  toJson,
} from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import { exactNumbers, fitsDouble, shortestFloat } from '../../../kit/exact-numbers.ts'
import { messageOf } from '../../../kit/thrown.ts'
import type { GrpcCommon, GrpcPlan } from '../../../model/kinds/grpc.ts'
import { GatewayError } from '../../../model/refusal.ts'
import { holdsFloats, mapScalars } from './map-scalars.ts'

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

function descriptorOf(registry: Registry, name: string): DescMessage {
  const message = registry.getMessage(name)
  if (message === undefined)
    throw new GatewayError('description_unusable', { detail: `no message ${name}` })
  return message
}

/** Numbers that a double may round stay as they were written; `isExact`: there are none. */
function parseExact(text: string): { readonly json: unknown; readonly isExact: boolean } {
  let isExact = true
  const json: unknown = JSON.parse(text, (key, value: unknown, context?: { source?: string }) => {
    const exact = exactNumbers(key, value, context)
    const isLarge =
      typeof exact === 'number' && Number.isInteger(exact) && !Number.isSafeInteger(exact)
    if (!isLarge && exact === value) return value
    isExact = false
    return isLarge ? JSON.rawJSON(context?.source ?? String(exact)) : exact
  })
  return { json, isExact }
}

const integers64: ReadonlySet<ScalarType | undefined> = new Set([
  ScalarType.INT64,
  ScalarType.UINT64,
  ScalarType.SINT64,
  ScalarType.FIXED64,
  ScalarType.SFIXED64,
])

/** 64-bit integers may be texts; what else is a number must be one that a double holds. @throws ArgumentFault */
function plainNumber(scalar: ScalarType | undefined, value: unknown): unknown {
  if (!JSON.isRawJSON(value)) return value
  const source = value.rawJSON
  if (integers64.has(scalar) && /^-?\d+$/.test(source)) return source
  if (fitsDouble(source)) return Number(source)
  const shown = source.length > 60 ? `${source.slice(0, 60)}...` : source
  throw new ArgumentFault(`The number ${shown} has more digits than this field can keep.`)
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
  const message = descriptorOf(registry, plan.input)
  const { json, isExact } = parseExact(args)
  if (!isJson(json) || !isObject(json)) throw new ArgumentFault('The arguments must be an object.')
  const given = plan.inputWrapped ? (json['value'] ?? null) : json
  const value = isExact ? given : mapScalars(message, given, plainNumber, registry)
  try {
    if (!isJson(value)) throw new ArgumentFault('It is no JSON.')
    return Buffer.from(toBinary(message, fromJson(message, value, { registry })))
  } catch (thrown) {
    throw argumentFault(thrown)
  }
}

function argumentFault(thrown: unknown): ArgumentFault {
  const text = messageOf(thrown)
  return new ArgumentFault(`The arguments make no message: ${text}`, { cause: thrown })
}

/** The JSON form of an answer; unset plain fields are there with their default. @throws GatewayError server_broken */
export function decodeMessage(plan: GrpcPlan, common: GrpcCommon, bytes: Buffer): string {
  const registry = registryOf(common)
  const message = descriptorOf(registry, plan.output)
  try {
    const decoded = fromBinary(message, bytes)
    const json = toJson(message, decoded, {
      registry: anyTolerant(registry),
      alwaysEmitImplicit: true,
    })
    const told = holdsFloats(message) ? mapScalars(message, json, shortFloat, registry) : json
    return JSON.stringify(plan.outputWrapped ? { value: told } : told)
  } catch (thrown) {
    throw broken(thrown)
  }
}

/** The digits that a 32-bit float was written with, not those of the double that it is read into. */
function shortFloat(scalar: ScalarType | undefined, value: unknown): unknown {
  return scalar === ScalarType.FLOAT && typeof value === 'number' ? shortestFloat(value) : value
}

function broken(thrown: unknown): GatewayError {
  const detail = messageOf(thrown)
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
