/** gRPC services to tools: a tool for each unary and each server-streaming method. */
import { clone, create, type DescMethod, toBinary } from '@bufbuild/protobuf'
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  MethodOptions_IdempotencyLevel as Idempotency,
} from '@bufbuild/protobuf/wkt'
import {
  type Conversion,
  ConversionFault,
  type ConversionReport,
  type ConvertedTool,
  type Document,
  type JsonSchema,
  type ReadDocument,
  type ToolAnnotations,
} from '../../../model/conversion.ts'
import type { GrpcCommon, GrpcPlan, GrpcSpec } from '../../../model/kinds/grpc.ts'
import { select } from '../../selection.ts'
import { toolNames } from '../../tool-name.ts'
import { commentOf } from './comments.ts'
import { link } from './link.ts'
import { load } from './load.ts'
import { isObject, messageSchema } from './message-schema.ts'
import { httpVerbOf } from './options.ts'

const descriptionCharactersMax = 1_000

/** @throws ConversionFault when the description cannot be read, or has no service */
export async function convertGrpc(
  spec: GrpcSpec,
  description: Document,
  read: ReadDocument,
): Promise<Conversion<GrpcPlan, GrpcCommon>> {
  const { location } = description
  const linked = await load(description, read, spec.root)
  const { registry, files, missing } = link(linked.files, location)
  const services = [...registry.files]
    .filter(({ proto }) => linked.own.has(proto.name))
    .flatMap((file) => file.services)
  const methods = services.flatMap((service) => service.methods)
  if (methods.length === 0)
    throw new ConversionFault('description_invalid', 'it has no service with a method', location)
  const names = toolNames(
    methods.map((method) => ({ operation: operationOf(method), wishes: wishesOf(method) })),
  )
  const candidates = methods.map((method) => {
    const operation = operationOf(method)
    return {
      operation,
      name: names.get(operation) ?? method.name,
      place: `${method.parent.file.proto.name}: ${operation}`,
      method,
    }
  })
  const selected = select(candidates, spec.operations)
  const skipped: ConversionReport[] = [...selected.skipped]
  const notes: ConversionReport[] = [...linked.notes, ...selected.notes]
  const tools: ConvertedTool<GrpcPlan>[] = []
  for (const { operation, name, place, method } of selected.kept) {
    const refusal = refusalOf(method)
    if (refusal !== undefined) {
      skipped.push({ operation, code: 'feature_unsupported', reason: refusal, place })
      continue
    }
    const input = messageSchema(method.input, 'in')
    const output = messageSchema(method.output, 'out')
    const lost = [...input.messages, ...output.messages].find((one) => missing.has(one))
    if (lost !== undefined) {
      skipped.push({
        operation,
        code: 'reference_unresolved',
        reason: `the message "${lost}" is not in the description`,
        place,
      })
      continue
    }
    const cut = [...input.cut, ...output.cut]
    if (cut.length > 0)
      notes.push({
        operation,
        code: 'schema_unusable',
        reason: `${cut.length} messages are too many to describe and are left open, ${cut[0]} among them`,
        place,
      })
    tools.push(toolOf(method, { name, operation, input: input.schema, output: output.schema }))
  }
  const [service] = services
  return {
    title: service?.name ?? 'gRPC service',
    version: '',
    description: service && commentOf(service, descriptionCharactersMax),
    operations: methods.length,
    tools,
    skipped,
    notes,
    common: { files: encoded(files) },
  }
}

const operationOf = (method: DescMethod): string => `${method.parent.typeName}/${method.name}`

function wishesOf({ name, parent }: DescMethod): readonly string[] {
  return [name, `${parent.name}_${name}`, `${parent.typeName}_${name}`]
}

function refusalOf({ methodKind }: DescMethod): string | undefined {
  if (methodKind === 'client_streaming')
    return 'the client sends a stream; only one message can be sent'
  if (methodKind === 'bidi_streaming')
    return 'both sides send streams; only one message can be sent'
  return undefined
}

/** Without comments: calls need none. */
function encoded(files: readonly FileDescriptorProto[]): string {
  const bare = files.map((file) => {
    const copy = clone(FileDescriptorProtoSchema, file)
    delete copy.sourceCodeInfo
    return copy
  })
  return Buffer.from(
    toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: bare })),
  ).toString('base64')
}

function toolOf(
  method: DescMethod,
  {
    name,
    operation,
    input,
    output,
  }: { name: string; operation: string; input: JsonSchema; output: JsonSchema },
): ConvertedTool<GrpcPlan> {
  const stream = method.methodKind === 'server_streaming'
  const title = titleOf(method.name)
  const said =
    commentOf(method, descriptionCharactersMax) ??
    `Calls ${method.name} of the gRPC service ${method.parent.typeName}.`
  const description = [
    ...(method.deprecated ? ['Deprecated.'] : []),
    said,
    ...(stream ? ['Answers with the messages of a stream, as many as are taken of it.'] : []),
  ].join(' ')
  return {
    operation,
    definition: {
      name,
      title,
      description,
      inputSchema: input,
      outputSchema: stream ? streamed(output) : output,
      annotations: { title, openWorldHint: true, ...hintsOf(method) },
    },
    plan: {
      path: `/${operation}`,
      input: method.input.typeName,
      output: method.output.typeName,
      stream,
      inputWrapped: !isObject(method.input),
      outputWrapped: !isObject(method.output),
      repeatable: isRepeatable(method),
    },
  }
}

/** `{messages, ended}` of what was taken. */
function streamed({ $defs, ...message }: JsonSchema): JsonSchema {
  return {
    type: 'object',
    properties: {
      messages: { type: 'array', items: message },
      ended: {
        type: 'string',
        enum: ['completed', 'limit', 'time'],
        description: 'Whether the service had no more, or enough was taken.',
      },
    },
    required: ['messages', 'ended'],
    ...($defs === undefined ? {} : { $defs }),
  }
}

function isRepeatable({ idempotency, proto }: DescMethod): boolean {
  const verb = httpVerbOf(proto.options)
  return idempotency !== Idempotency.IDEMPOTENCY_UNKNOWN || verb === 'get'
}

function hintsOf({ idempotency, proto }: DescMethod): ToolAnnotations {
  const verb = httpVerbOf(proto.options)
  if (idempotency === Idempotency.NO_SIDE_EFFECTS || verb === 'get') return { readOnlyHint: true }
  // That POST and PATCH only add is said nowhere, so nothing is said of what they destroy.
  return {
    ...(verb === 'delete' ? { destructiveHint: true } : {}),
    ...(verb === undefined ? {} : { readOnlyHint: false }),
    ...(idempotency === Idempotency.IDEMPOTENT || verb === 'put' || verb === 'delete'
      ? { idempotentHint: true }
      : {}),
  }
}

/** `ListTopicSnapshots` as `List topic snapshots`. */
function titleOf(name: string): string {
  const words = name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replaceAll('_', ' ')
    .trim()
  return (
    words.charAt(0).toUpperCase() +
    words.slice(1).replaceAll(/[A-Z](?=[a-z])/g, (letter) => letter.toLowerCase())
  )
}
