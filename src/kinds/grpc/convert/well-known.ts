/** The files of protobuf itself, which no description needs to bring along. */
import type { FileDescriptorProto } from '@bufbuild/protobuf/wkt'
import {
  file_google_protobuf_any,
  file_google_protobuf_api,
  file_google_protobuf_descriptor,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_field_mask,
  file_google_protobuf_source_context,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_type,
  file_google_protobuf_wrappers,
} from '@bufbuild/protobuf/wkt'

const files = [
  file_google_protobuf_descriptor,
  file_google_protobuf_any,
  file_google_protobuf_source_context,
  file_google_protobuf_type,
  file_google_protobuf_api,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_field_mask,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
]

/** By the path that imports have, e.g. `google/protobuf/timestamp.proto`. */
export const wellKnownFiles: ReadonlyMap<string, FileDescriptorProto> = new Map(
  files.map(({ proto }) => [proto.name, proto]),
)
