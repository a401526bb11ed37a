/** Makes the entry of a server out of a source and what a command said beside it. */
import type { DetectRequest } from '../admin/contract/convert.ts'
import { kinds } from '../kinds/all.ts'
import type { ServerKind, ServerSpecInput } from '../model/desired-state.ts'

/** What an entry lacks, as a sentence. */
export class MissingPart extends Error {}

/** @throws MissingPart when the source does not say where calls go and nothing else does */
export function entryOf(kind: ServerKind, request: DetectRequest): ServerSpecInput {
  const { source, baseUrl, credential, egress, root } = request
  const headers = Object.keys(request.headers).length === 0 ? {} : { headers: request.headers }
  const operations = request.operations === undefined ? {} : { operations: request.operations }
  const api = kind === 'stdio' || kind === 'http' ? undefined : kinds[kind]
  if (root !== undefined && api?.hasRoot !== true)
    throw new MissingPart(
      `A server of kind ${kind} takes no --root: its description points at no other files.`,
    )
  const where = (): string => {
    if (baseUrl !== undefined) return baseUrl
    throw new MissingPart(`The source does not say where the service is: give --base-url.`)
  }
  const given = { source, baseUrl, where, headers, operations }
  return {
    ...(api === undefined
      ? { http: { url: source, ...headers } }
      : api.entry({ ...given, root: root === undefined ? {} : { root } })),
    ...(credential === undefined ? {} : { credential }),
    ...(egress === undefined ? {} : { egress }),
  }
}
