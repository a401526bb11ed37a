/** One parsed `.proto` file as the descriptor that `protoc` would make of it, comments and known options included. */
import { create, type UnknownField } from '@bufbuild/protobuf'
import {
  type DescriptorProto,
  DescriptorProtoSchema,
  Edition,
  type EnumDescriptorProto,
  EnumDescriptorProtoSchema,
  type FeatureSet,
  FeatureSetSchema,
  type FieldDescriptorProto,
  FieldDescriptorProtoSchema,
  FieldOptionsSchema,
  FieldDescriptorProto_Type as FieldType,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  MethodOptions_IdempotencyLevel as Idempotency,
  FieldDescriptorProto_Label as Label,
  type MethodDescriptorProto,
  MethodDescriptorProtoSchema,
  MethodOptionsSchema,
  type ServiceDescriptorProto,
  ServiceDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt'
import type {
  Enum,
  Field,
  MapField,
  Method,
  Namespace,
  ReflectionObject,
  Service,
  Type,
} from 'protobufjs'
import { jsonName, resolveName, type TypeKinds } from './complete.ts'
import { behaviorOptions, httpOption } from './options.ts'

/** protobufjs, handed over so that it is loaded only when a `.proto` is there. */
export type Protobufjs = typeof import('protobufjs')

const scalars: Readonly<Record<string, FieldType>> = {
  double: FieldType.DOUBLE,
  float: FieldType.FLOAT,
  int64: FieldType.INT64,
  uint64: FieldType.UINT64,
  int32: FieldType.INT32,
  fixed64: FieldType.FIXED64,
  fixed32: FieldType.FIXED32,
  bool: FieldType.BOOL,
  string: FieldType.STRING,
  bytes: FieldType.BYTES,
  uint32: FieldType.UINT32,
  sfixed32: FieldType.SFIXED32,
  sfixed64: FieldType.SFIXED64,
  sint32: FieldType.SINT32,
  sint64: FieldType.SINT64,
}

export interface ParsedFile {
  /** As imports name it. */
  readonly name: string
  readonly package: string
  readonly imports: readonly string[]
  readonly syntax: string
  readonly root: Namespace
}

/** The names and kinds of a file's own types. */
export function typesOf(file: ParsedFile, pb: Protobufjs): ReadonlyMap<string, 'message' | 'enum'> {
  const kinds = new Map<string, 'message' | 'enum'>()
  const visit = (object: ReflectionObject): void => {
    if (object instanceof pb.Type) kinds.set(object.fullName, 'message')
    if (object instanceof pb.Enum) kinds.set(object.fullName, 'enum')
    if (object instanceof pb.Namespace) for (const nested of object.nestedArray) visit(nested)
  }
  visit(file.root)
  return kinds
}

interface Comment {
  readonly path: number[]
  readonly leadingComments: string
}

/** Names that nothing stands for are given as they are written, for whoever links the files to report. */
export function fileDescriptor(
  file: ParsedFile,
  kinds: TypeKinds,
  pb: Protobufjs,
): FileDescriptorProto {
  const scope = file.package === '' ? file.root : (file.root.lookup(file.package) ?? file.root)
  const objects = scope instanceof pb.Namespace ? scope.nestedArray : []
  const writer = new Writer(kinds, pb, file.syntax)
  const types = objects.filter((one) => one instanceof pb.Type)
  const enums = objects.filter((one) => one instanceof pb.Enum)
  const services = objects.filter((one) => one instanceof pb.Service)
  const editions: Readonly<Record<string, Edition>> = {
    '2023': Edition.EDITION_2023,
    '2024': Edition.EDITION_2024,
  }
  const edition = editions[file.syntax]
  return create(FileDescriptorProtoSchema, {
    name: file.name,
    package: file.package,
    dependency: [...file.imports],
    syntax: edition === undefined ? file.syntax : 'editions',
    ...(edition === undefined ? {} : { edition }),
    messageType: types.map((type, index) => writer.message(type, [4, index])),
    enumType: enums.map((one, index) => writer.enumeration(one, [5, index])),
    service: services.map((service, index) => writer.service(service, [6, index])),
    sourceCodeInfo: { location: writer.comments },
  })
}

class Writer {
  readonly comments: Comment[] = []
  private readonly kinds: TypeKinds
  private readonly pb: Protobufjs
  private readonly syntax: string

  constructor(kinds: TypeKinds, pb: Protobufjs, syntax: string) {
    this.kinds = kinds
    this.pb = pb
    this.syntax = syntax
  }

  private note(path: number[], comment: string | null | undefined): void {
    if (typeof comment === 'string' && comment.trim() !== '')
      this.comments.push({ path, leadingComments: comment })
  }

  message(type: Type, path: number[]): DescriptorProto {
    this.note(path, type.comment)
    const { pb } = this
    const nested = type.nestedArray.filter((one) => one instanceof pb.Type)
    const enums = type.nestedArray.filter((one) => one instanceof pb.Enum)
    const entries: DescriptorProto[] = []
    const isSynthetic = (field: Field): boolean => field.getOption('proto3_optional') === true
    const own = type.oneofsArray.filter(({ fieldsArray }) => !fieldsArray.every(isSynthetic))
    const synthetic = type.oneofsArray.filter((one) => !own.includes(one))
    const oneofs = [...own, ...synthetic]
    // Extensions of the message stand among its fields, under a name that begins with a dot.
    const plain = type.fieldsArray.filter(({ name }) => !name.startsWith('.'))
    const fields = plain.map((field, index) => {
      this.note([...path, 2, index], field.comment)
      const oneof = field.partOf === null ? -1 : oneofs.indexOf(field.partOf)
      if (field instanceof pb.MapField) entries.push(this.mapEntry(field))
      return this.field(field, oneof < 0 ? undefined : oneof)
    })
    return create(DescriptorProtoSchema, {
      name: type.name,
      field: fields,
      oneofDecl: oneofs.map(({ name }) => ({ name })),
      nestedType: [
        ...nested.map((one, index) => this.message(one, [...path, 3, index])),
        ...entries,
      ],
      enumType: enums.map((one, index) => this.enumeration(one, [...path, 4, index])),
      options: { deprecated: type.getOption('deprecated') === true, ...featuresOf(type) },
    })
  }

  private mapEntry(field: MapField): DescriptorProto {
    const part = (name: string, number: number, type: string): FieldDescriptorProto =>
      create(FieldDescriptorProtoSchema, {
        name,
        number,
        jsonName: name,
        label: Label.OPTIONAL,
        ...this.typed(type, field),
      })
    return create(DescriptorProtoSchema, {
      name: entryName(field.name),
      field: [part('key', 1, field.keyType), part('value', 2, field.type)],
      options: { mapEntry: true },
    })
  }

  private field(field: Field, oneofIndex: number | undefined): FieldDescriptorProto {
    const isMap = field instanceof this.pb.MapField
    const named = field.getOption('json_name')
    const packed = field.getOption('packed')
    const { rule } = field.toJSON()
    return create(FieldDescriptorProtoSchema, {
      name: field.name,
      number: field.id,
      jsonName: typeof named === 'string' ? named : jsonName(field.name),
      label:
        isMap || rule === 'repeated'
          ? Label.REPEATED
          : rule === 'required'
            ? Label.REQUIRED
            : Label.OPTIONAL,
      ...(isMap
        ? {
            type: FieldType.MESSAGE,
            typeName: `${field.parent?.fullName ?? ''}.${entryName(field.name)}`,
          }
        : this.typed(field.type, field)),
      ...(oneofIndex === undefined ? {} : { oneofIndex }),
      proto3Optional: this.syntax === 'proto3' && field.getOption('proto3_optional') === true,
      options: withUnknown(
        create(FieldOptionsSchema, {
          deprecated: field.getOption('deprecated') === true,
          ...featuresOf(field),
          ...(typeof packed === 'boolean' && this.syntax.startsWith('proto') ? { packed } : {}),
        }),
        behaviorOptions(texts(parsed(field, '(google.api.field_behavior)'))),
      ),
    })
  }

  /** Type and name of a reference, looked for from the inside to the outside (protobuf language, name resolution). */
  private typed(written: string, at: ReflectionObject): { type: FieldType; typeName?: string } {
    const scalar = Object.hasOwn(scalars, written) ? scalars[written] : undefined
    if (scalar !== undefined) return { type: scalar }
    const typeName = this.resolve(written, at)
    const beside = at.parent instanceof this.pb.Type ? at.parent.nested?.[written] : undefined
    const isGroup = beside instanceof this.pb.Type && Reflect.get(beside, 'group') === true
    const kind = this.kinds.get(typeName)
    return {
      type: kind === 'enum' ? FieldType.ENUM : isGroup ? FieldType.GROUP : FieldType.MESSAGE,
      typeName,
    }
  }

  private resolve(written: string, at: ReflectionObject): string {
    return resolveName(written, at.parent?.fullName ?? '', this.kinds)
  }

  enumeration(one: Enum, path: number[]): EnumDescriptorProto {
    this.note(path, one.comment)
    const values = Object.entries(one.values)
    for (const [index, [name]] of values.entries())
      this.note([...path, 2, index], one.comments[name])
    return create(EnumDescriptorProtoSchema, {
      name: one.name,
      value: values.map(([name, number]) => ({ name, number })),
      options: { allowAlias: one.getOption('allow_alias') === true, ...featuresOf(one) },
    })
  }

  service(service: Service, path: number[]): ServiceDescriptorProto {
    this.note(path, service.comment)
    return create(ServiceDescriptorProtoSchema, {
      name: service.name,
      method: service.methodsArray.map((method, index) => {
        this.note([...path, 2, index], method.comment)
        return this.method(method)
      }),
      options: { deprecated: service.getOption('deprecated') === true },
    })
  }

  private method(method: Method): MethodDescriptorProto {
    const rule = parsed(method, '(google.api.http)')
    const [verb, route] = rule.flatMap((one) => (isRecord(one) ? Object.entries(one) : []))[0] ?? []
    const http = verb === undefined ? undefined : httpOption(verb, String(route))
    const level = method.getOption('idempotency_level')
    return create(MethodDescriptorProtoSchema, {
      name: method.name,
      inputType: this.resolve(method.requestType, method),
      outputType: this.resolve(method.responseType, method),
      clientStreaming: method.requestStream === true,
      serverStreaming: method.responseStream === true,
      options: withUnknown(
        create(MethodOptionsSchema, {
          deprecated: method.getOption('deprecated') === true,
          idempotencyLevel:
            level === 'NO_SIDE_EFFECTS'
              ? Idempotency.NO_SIDE_EFFECTS
              : level === 'IDEMPOTENT'
                ? Idempotency.IDEMPOTENT
                : Idempotency.IDEMPOTENCY_UNKNOWN,
        }),
        http === undefined ? [] : [http],
      ),
    })
  }
}

/** `create` takes no unknown fields. */
function withUnknown<M extends { $unknown?: UnknownField[] | undefined }>(
  message: M,
  unknown: UnknownField[],
): M {
  if (unknown.length > 0) message.$unknown = unknown
  return message
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Values of `google.protobuf.FeatureSet` (editions), by the names that files have. */
const features: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  field_presence: { EXPLICIT: 1, IMPLICIT: 2, LEGACY_REQUIRED: 3 },
  enum_type: { OPEN: 1, CLOSED: 2 },
  repeated_field_encoding: { PACKED: 1, EXPANDED: 2 },
  utf8_validation: { VERIFY: 2, NONE: 3 },
  message_encoding: { LENGTH_PREFIXED: 1, DELIMITED: 2 },
}

/** The features that are set here; the parser gives those of a file to what stands at its top. */
function featuresOf(object: ReflectionObject): { features?: FeatureSet } {
  const given: unknown = object.getOption('features')
  if (!isRecord(given)) return {}
  const entries = Object.entries(given).flatMap(([name, value]): [string, number][] => {
    const number = Object.hasOwn(features, name) ? features[name]?.[String(value)] : undefined
    return number === undefined ? [] : [[jsonName(name), number]]
  })
  return { features: create(FeatureSetSchema, Object.fromEntries(entries)) }
}

/** Every value that an option was given. */
function parsed(object: ReflectionObject, name: string): readonly unknown[] {
  const options: unknown = object.parsedOptions
  const list: readonly unknown[] = Array.isArray(options) ? options : []
  return list.flatMap((one) => {
    const value = isRecord(one) && Object.hasOwn(one, name) ? one[name] : undefined
    return value === undefined ? [] : Array.isArray(value) ? value : [value]
  })
}

const texts = (values: readonly unknown[]): string[] =>
  values.filter((one) => typeof one === 'string')

function entryName(field: string): string {
  const camel = jsonName(field)
  return `${camel.charAt(0).toUpperCase()}${camel.slice(1)}Entry`
}
