/** What the administration asks about descriptions: what a source is, and what it becomes. */
import type { ConversionAccount, DetectRequest } from '../admin/contract/convert.ts'
import type { Converted, Detected, Fault, FaultReason } from '../admin/ports.ts'
import type { Egress } from '../egress/egress.ts'
import { createEgress } from '../egress/guard.ts'
import { kinds, recognisable } from '../kinds/all.ts'
import { createConversions } from '../kinds/convert.ts'
import { detect, detectAddress } from '../kinds/detect.ts'
import { type Asking, isUrl } from '../kinds/kind.ts'
import { type Conversion, ConversionFault, type Document } from '../model/conversion.ts'
import type { ServerKind, ServerSpec, ServerSpecInput } from '../model/desired-state.ts'
import { GatewayError, toGatewayError } from '../model/refusal.ts'
import { type ApiServer, hostOf, openApiServer } from './api-server.ts'
import { readCaps } from './description/bounds.ts'
import { DescriptionSource } from './description/source.ts'
import { entryOf, MissingPart } from './entry-of.ts'
import { type ApiEntry, apiEntry } from './kinds.ts'
import { resolveServer, type Surroundings } from './resolve-server.ts'
import { conversionCaps, credentialHeaders } from './servers.ts'

/** Where descriptions are looked at: in a host, or in a command that runs beside none. */
export interface ConversionHost extends Surroundings {
  /** `widens`: references may lead out of the description's folder as far as `widened` tells afterwards. */
  openApi(name: string, spec: ServerSpec, entry: ApiEntry, widens?: boolean): ApiServer
}

/** A host for a command that runs beside no host. It calls nothing, so it seals nothing either. */
export function detachedHost(
  surroundings: Surroundings,
): ConversionHost & { close(): Promise<void> } {
  const conversions = createConversions(conversionCaps)
  return {
    ...surroundings,
    openApi: (name, spec, entry, widens) =>
      openApiServer({
        widens,
        name,
        spec,
        entry,
        headers: credentialHeaders(spec),
        convert: (start, read) => conversions.convert({ ...entry.of, ...start }, read),
        cursors: { seal: (text) => text, open: () => undefined },
        nameOf: () => undefined,
        now: Date.now,
        environment: surroundings.environment,
      }),
    close: () => conversions.close(),
  }
}

/** What a source is, by its form, its content, or by asking. */
export async function detectSource(
  host: ConversionHost,
  request: DetectRequest,
): Promise<Detected> {
  try {
    const found = await whatIs(host, request)
    return { ok: true, ...found, spec: entryOf(found.kind, request) }
  } catch (thrown) {
    if (thrown instanceof MissingPart)
      return { ok: false, reason: 'source', message: thrown.message }
    return faultOf(thrown)
  }
}

async function whatIs(
  host: ConversionHost,
  request: DetectRequest,
): Promise<Pick<Extract<Detected, { ok: true }>, 'kind' | 'what'>> {
  const { kind, source } = request
  if (kind !== undefined) return { kind, what: `of kind ${kind}, as was said` }
  const { root: _, ...plainly } = request
  const tried = resolveServer(host, 'source', entryOf('http', { ...plainly, source: 'http://x' }))
  const plain = tried.text(source)
  const byForm = detectAddress(recognisable, plain)
  if (byForm !== undefined) return byForm
  const { spec } = tried
  const headers = credentialHeaders(spec)
  const origin = request.baseUrl === undefined ? '' : (URL.parse(request.baseUrl)?.origin ?? '')
  const egress = createEgress({
    named: isUrl(plain) ? hostOf(plain) : [],
    spec: spec.egress,
    environment: host.environment,
  })
  const description = new DescriptionSource({
    place: plain,
    egress,
    caps: readCaps,
    credential: { origin, headers },
    tls: undefined,
  })
  const signal = AbortSignal.timeout(readCaps.timeMsMax)
  const read = await readOrFault(description, plain, signal)
  const byContent = read instanceof ConversionFault ? undefined : detect(recognisable, read)
  if (byContent !== undefined) return byContent
  if (!isUrl(plain)) throw new MissingPart(`${plain} is no description that is known.`)
  const byAnswer = await whatAnswers(new URL(plain), { egress, headers, signal })
  if (byAnswer !== undefined) return byAnswer
  const beside = await describedAt(plain, { egress, headers, origin })
  if (beside !== undefined)
    throw new MissingPart(
      `${plain} is a page, and the description of its API is at ${beside}: give that URL. If it is an MCP server, say so with --kind http.`,
    )
  // What is called like a description and cannot be read now is not taken for something else.
  const isCalledSo = recognisable.some(({ recognition }) => recognition.places?.test(plain))
  if (read instanceof ConversionFault && isCalledSo) throw read
  return { kind: 'http', what: 'no description of an API, so an MCP server' }
}

async function whatAnswers(
  url: URL,
  asking: Asking,
): Promise<Pick<Extract<Detected, { ok: true }>, 'kind' | 'what'> | undefined> {
  for (const { name, recognition } of recognisable) {
    const what = await recognition.ofAnswer?.(url, asking)
    if (what !== undefined) return { kind: name, what }
  }
  return undefined
}

/** Where frameworks put the description of an API whose start page or documentation people copy. */
async function describedAt(
  place: string,
  {
    egress,
    headers,
    origin,
  }: { egress: Egress; headers: Readonly<Record<string, string>>; origin: string },
): Promise<string | undefined> {
  const { pathname } = new URL(place)
  if (!/^\/?$|\/(docs|redoc|swagger(-ui)?)(\/(index\.html)?)?$/i.test(pathname)) return undefined
  for (const name of recognisable.flatMap(({ recognition }) => recognition.usual ?? [])) {
    const url = new URL(`/${name}`, place).href
    const description = new DescriptionSource({
      place: url,
      egress,
      caps: readCaps,
      credential: { origin, headers },
      tls: undefined,
    })
    const signal = AbortSignal.timeout(readCaps.timeMsMax)
    const read = await readOrFault(description, url, signal)
    if (!(read instanceof ConversionFault) && detect(recognisable, read) !== undefined) return url
  }
  return undefined
}

/** A URL that gives no document may be an endpoint; a file must be there. */
async function readOrFault(
  description: DescriptionSource,
  place: string,
  signal: AbortSignal,
): Promise<Document | ConversionFault> {
  try {
    const document = await description.describe(signal, false)
    return document ?? new ConversionFault('document_unreadable', 'there is nothing', place)
  } catch (fault) {
    if (isUrl(place) && fault instanceof ConversionFault && fault.code === 'document_unreadable')
      return fault
    throw fault
  }
}

/** Converts once, beside what runs. */
export async function convertServer(
  host: ConversionHost,
  given: ServerSpecInput,
): Promise<Converted> {
  let spec: ServerSpec
  try {
    spec = resolveServer(host, 'converted', given).spec
  } catch (thrown) {
    return faultOf(thrown)
  }
  const entry = apiEntry(spec, host.baseFolder)
  if (entry === undefined)
    return { ok: false, reason: 'source', message: 'An MCP server is not converted.' }
  // Whoever converts looks at the result, and is told which folder it needed.
  const server = host.openApi('converted', spec, entry, true)
  try {
    const conversion = await server.link.conversion()
    const root = server.widened()
    return {
      ok: true,
      view: {
        kind: entry.of.kind,
        ...(root === undefined ? {} : { root }),
        ...accountOf(conversion, await server.targets()),
        tools: conversion.tools.map(({ operation, definition }) => ({ ...definition, operation })),
      },
    }
  } catch (thrown) {
    return faultOf(thrown)
  } finally {
    await server.link.close().catch(() => undefined)
  }
}

export function accountOf(
  { title, version, operations, tools, skipped, notes }: Conversion,
  targets: ConversionAccount['targets'],
): ConversionAccount {
  return {
    title,
    version,
    operations,
    converted: tools.length,
    skipped: [...skipped],
    notes: [...notes],
    targets,
  }
}

const reasons: Partial<Record<GatewayError['code'], FaultReason>> = {
  description_unusable: 'description',
  egress_refused: 'egress',
  not_yet: 'not-yet',
  server_refused_us: 'unauthorized',
  server_timeout: 'timeout',
  params_invalid: 'reference',
  role_too_wide: 'role',
}

/** What stood in the way of reading, converting or introspecting. */
export function faultOf(thrown: unknown, kind?: ServerKind): Fault {
  const fault = conversionFault(thrown)
  if (fault !== undefined) {
    const { code, message, place } = fault
    const reason = reasonOf(fault)
    return { ok: false, reason, message: `${message} [${code}]`, place }
  }
  const { code, message, reason: why } = toGatewayError(thrown)
  const hasAccount =
    kind !== undefined && kind !== 'stdio' && kind !== 'http' && kinds[kind].hasAccount
  const reason =
    hasAccount && code === 'server_refused_us'
      ? 'login'
      : why === 'file-unusable'
        ? 'source'
        : reasons[code]
  return { ok: false, reason: reason ?? 'unreachable', message }
}

function reasonOf({ code, byEgress, place }: ConversionFault): FaultReason {
  if (code === 'document_unreadable') return isUrl(place) ? 'unreachable' : 'source'
  return byEgress ? 'egress' : 'description'
}

function conversionFault(thrown: unknown): ConversionFault | undefined {
  if (thrown instanceof ConversionFault) return thrown
  return thrown instanceof GatewayError && thrown.cause instanceof ConversionFault
    ? thrown.cause
    : undefined
}
