/** Makes the entry of a server out of a source and what a command said beside it. */
import type { DetectRequest } from '../admin/contract/convert.ts'
import type { ServerKind, ServerSpecInput } from '../model/desired-state.ts'

/** What an entry lacks, as a sentence. */
export class MissingPart extends Error {}

/** @throws MissingPart when the source does not say where calls go and nothing else does */
export function entryOf(kind: ServerKind, request: DetectRequest): ServerSpecInput {
  const { source, baseUrl, credential, egress } = request
  const headers = Object.keys(request.headers).length === 0 ? {} : { headers: request.headers }
  const operations = request.operations === undefined ? {} : { operations: request.operations }
  const own = { ...headers, ...operations }
  const root = request.root === undefined ? {} : { root: request.root }
  if (request.root !== undefined && !rootedKinds.includes(kind))
    throw new MissingPart(
      `A server of kind ${kind} takes no --root: its description points at no other files.`,
    )
  const around = {
    ...(credential === undefined ? {} : { credential }),
    ...(egress === undefined ? {} : { egress }),
  }
  const where = (): string => {
    if (baseUrl !== undefined) return baseUrl
    throw new MissingPart(`The source does not say where the service is: give --base-url.`)
  }
  switch (kind) {
    case 'openapi':
      return {
        openapi: { spec: source, ...root, ...(baseUrl === undefined ? {} : { baseUrl }), ...own },
        ...around,
      }
    case 'soap':
      return {
        soap: {
          wsdl: source,
          ...root,
          ...(baseUrl === undefined ? {} : { endpoint: baseUrl }),
          ...own,
        },
        ...around,
      }
    case 'asyncapi':
      return {
        asyncapi: {
          spec: source,
          ...root,
          ...(baseUrl === undefined ? {} : { url: baseUrl }),
          ...own,
        },
        ...around,
      }
    case 'graphql':
      return {
        graphql:
          isUrl(source) && baseUrl === undefined
            ? { url: source, ...own }
            : { url: where(), schema: source, ...own },
        ...around,
      }
    case 'grpc':
      return {
        grpc: isAddress(source)
          ? { address: withoutPath(source), ...own }
          : {
              address: withoutPath(where()),
              proto: source,
              ...root,
              ...own,
            },
        ...around,
      }
    case 'sql':
      return { sql: { url: databaseUrl(source), ...operations }, ...around }
    default:
      return { http: { url: source, ...headers }, ...around }
  }
}

/** Kinds whose descriptions may point at other files. */
const rootedKinds: readonly ServerKind[] = ['openapi', 'soap', 'grpc', 'asyncapi']

const isUrl = (source: string): boolean => /^https?:\/\//i.test(source)

/** A file is an absolute path; an address is not. */
const isAddress = (source: string): boolean =>
  /^(grpcs?:\/\/)?[a-z0-9.[\]:-]+:\d{1,5}\/?$/i.test(source)

/** Host and port; a scheme stays, since it says whether TLS is spoken. */
function withoutPath(address: string): string {
  return address.replace(/^((?:[a-z]+:\/\/)?[^/]*).*$/i, '$1')
}

/** A file of SQLite is named by its path alone, too. */
function databaseUrl(source: string): string {
  return /^[a-z]+:/i.test(source) || source.includes('$' + '{') ? source : `sqlite:${source}`
}
