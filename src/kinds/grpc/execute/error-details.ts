/** google/rpc/error_details.proto: what services put into a status, whether their own description has it or not. */
import { create, createFileRegistry, type FileRegistry } from '@bufbuild/protobuf'
import {
  type DescriptorProto,
  DescriptorProtoSchema,
  FieldDescriptorProto_Type as FieldType,
  FileDescriptorProtoSchema,
  file_google_protobuf_duration,
  FieldDescriptorProto_Label as Label,
} from '@bufbuild/protobuf/wkt'

type Field = readonly [name: string, type: string, repeated?: 'repeated']

function message(
  name: string,
  fields: readonly Field[],
  nested: readonly DescriptorProto[] = [],
  mapEntry = false,
): DescriptorProto {
  return create(DescriptorProtoSchema, {
    name,
    nestedType: [...nested],
    options: { mapEntry },
    field: fields.map(([field, type, repeated], index) => ({
      name: field,
      jsonName: field.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      number: index + 1,
      label: repeated === undefined ? Label.OPTIONAL : Label.REPEATED,
      ...(type === 'string'
        ? { type: FieldType.STRING }
        : { type: FieldType.MESSAGE, typeName: type }),
    })),
  })
}

const rpc = '.google.rpc'
let registry: FileRegistry | undefined

export function errorDetails(): FileRegistry {
  registry ??= createFileRegistry(
    create(FileDescriptorProtoSchema, {
      name: 'google/rpc/error_details.proto',
      package: 'google.rpc',
      syntax: 'proto3',
      dependency: ['google/protobuf/duration.proto'],
      messageType: [
        message(
          'ErrorInfo',
          [
            ['reason', 'string'],
            ['domain', 'string'],
            ['metadata', `${rpc}.ErrorInfo.MetadataEntry`, 'repeated'],
          ],
          [
            message(
              'MetadataEntry',
              [
                ['key', 'string'],
                ['value', 'string'],
              ],
              [],
              true,
            ),
          ],
        ),
        message('RetryInfo', [['retry_delay', '.google.protobuf.Duration']]),
        message('DebugInfo', [
          ['stack_entries', 'string', 'repeated'],
          ['detail', 'string'],
        ]),
        message(
          'QuotaFailure',
          [['violations', `${rpc}.QuotaFailure.Violation`, 'repeated']],
          [
            message('Violation', [
              ['subject', 'string'],
              ['description', 'string'],
            ]),
          ],
        ),
        message(
          'PreconditionFailure',
          [['violations', `${rpc}.PreconditionFailure.Violation`, 'repeated']],
          [
            message('Violation', [
              ['type', 'string'],
              ['subject', 'string'],
              ['description', 'string'],
            ]),
          ],
        ),
        message(
          'BadRequest',
          [['field_violations', `${rpc}.BadRequest.FieldViolation`, 'repeated']],
          [
            message('FieldViolation', [
              ['field', 'string'],
              ['description', 'string'],
              ['reason', 'string'],
            ]),
          ],
        ),
        message('RequestInfo', [
          ['request_id', 'string'],
          ['serving_data', 'string'],
        ]),
        message('ResourceInfo', [
          ['resource_type', 'string'],
          ['resource_name', 'string'],
          ['owner', 'string'],
          ['description', 'string'],
        ]),
        message(
          'Help',
          [['links', `${rpc}.Help.Link`, 'repeated']],
          [
            message('Link', [
              ['description', 'string'],
              ['url', 'string'],
            ]),
          ],
        ),
        message('LocalizedMessage', [
          ['locale', 'string'],
          ['message', 'string'],
        ]),
      ],
    }),
    (name) =>
      name === 'google/protobuf/duration.proto' ? file_google_protobuf_duration : undefined,
  )
  return registry
}
