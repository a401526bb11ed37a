/** gRPC services, described by files or by reflection. */
import { type ApiKindOf, none, rooted, type Sample } from '../kind.ts'

/** A file is an absolute path; an address is not. */
const isAddress = (source: string): boolean =>
  /^(grpcs?:\/\/)?[a-z0-9.[\]:-]+:\d{1,5}\/?$/i.test(source)

/** Host and port; a scheme stays, since it says whether TLS is spoken. */
function withoutPath(address: string): string {
  return address.replace(/^((?:[a-z]+:\/\/)?[^/]*).*$/i, '$1')
}

function ofText({ form, head, location, named }: Sample): string | undefined {
  if (form !== 'other' || named !== undefined) return undefined
  const isProto =
    /^[ \t]*(syntax[ \t]*=[ \t]*["']proto[23]["']|edition[ \t]*=[ \t]*["']\d{4}["'])[ \t]*;/m.test(
      head,
    ) || /\.proto$/i.test(location)
  return isProto ? 'a .proto file' : undefined
}

export const grpc: ApiKindOf<'grpc'> = {
  name: 'grpc',
  recognition: {
    ofText,
    // A FileDescriptorSet begins with field 1 of wire type 2 (descriptor.proto, Protocol Buffers encoding).
    ofBytes: (bytes, location) =>
      bytes[0] === 0x0a || /\.(pb|binpb|protoset|desc|fds)$/i.test(location)
        ? 'a descriptor set'
        : undefined,
    ofAddress: (address) =>
      /^grpcs?:\/\//i.test(address) || /^[a-z0-9.-]+:\d{1,5}$/i.test(address)
        ? 'the address of a gRPC service'
        : undefined,
    places: /\.proto$/i,
  },
  hasRoot: true,
  hasAccount: false,
  addressedBy: 'address',
  entry: ({ source, where, root, headers, operations }) => ({
    grpc: isAddress(source)
      ? { address: withoutPath(source), ...headers, ...operations }
      : { address: withoutPath(where()), proto: source, ...root, ...headers, ...operations },
  }),
  located: (spec, absolute) => ({
    ...rooted(spec, absolute),
    ...(spec.proto === undefined ? {} : { proto: absolute(spec.proto) }),
  }),
  address: ({ address }) => address,
  description: ({ proto }) => proto,
  endpoints: ({ address }) => [address],
  targets: none,
  tokens: none,
  executor: async () => (await import('./execute/executor.ts')).createGrpcExecutor,
}
