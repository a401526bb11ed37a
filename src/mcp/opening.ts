/** Opening a server: what both transports need to find its era and read what it says of itself. */

import { isObjectText, scanObject, stringValue } from '../kit/json-scan.ts'
import type { Era, Revision } from '../model/call.ts'
import {
  type Capabilities,
  legacyRevisions,
  modernRevisions,
  newestLegacy,
  newestModern,
  noCapabilities,
} from '../model/call.ts'
import type { ServerCodec, ServerMessage } from '../model/codec.ts'
import { declaredIn, type Facts } from '../model/facts.ts'
import type { Member } from '../model/members.ts'
import { names } from '../model/methods.ts'
import { productInfo } from '../model/product.ts'
import { GatewayError } from '../model/refusal.ts'
import type { Listed } from '../upstream/kind.ts'

/** The `initialize` that opens a session with a legacy server. `told`: raw capabilities. */
export function openText(codec: ServerCodec, id: number, told: string): string {
  return codec.ownRequest('legacy', newestLegacy, {
    id,
    method: names.open,
    params: [
      { key: 'protocolVersion', raw: `"${newestLegacy}"` },
      { key: 'capabilities', raw: told },
      { key: 'clientInfo', raw: productInfo },
    ],
    capabilities: noCapabilities,
  })
}

/** What a modern server is asked first. */
export function discoverText(
  codec: ServerCodec,
  id: number,
  capabilities: Capabilities = noCapabilities,
): string {
  return codec.ownRequest('modern', newestModern, {
    id,
    method: names.discover,
    params: [],
    capabilities,
  })
}

type ResultMessage = Extract<ServerMessage, { kind: 'result' }>

const instructionsMax = 16_384

/** Facts of an InitializeResult or a DiscoverResult. */
export function readFacts(message: ResultMessage, era: Era): Facts {
  const text = message.bytes.toString('utf8', message.start, message.end)
  const members = scanObject(text, { _meta: {} }, scanOptions)
  const raw = (key: string): string | undefined => {
    const member = members.find((candidate) => candidate.key === key)
    return member === undefined ? undefined : text.slice(member.start, member.end)
  }
  const meta = members
    .find((member) => member.key === '_meta')
    ?.members?.find((member) => member.key === 'io.modelcontextprotocol/serverInfo')
  const capabilities = raw('capabilities')
  return {
    era,
    revision: era === 'modern' ? newestModern : legacyRevision(stringValue(raw('protocolVersion'))),
    declared: declaredIn(isObjectText(capabilities) ? capabilities : '{}'),
    serverInfo: raw('serverInfo') ?? (meta === undefined ? '{}' : text.slice(meta.start, meta.end)),
    instructions: stringValue(raw('instructions'))?.slice(0, instructionsMax),
  }
}

/**
 * Whether an answer to `server/discover` proves a modern server that speaks a revision of ours: a DiscoverResult,
 * or the version error with one of our revisions in its list. Any other answer is evidence of a legacy one.
 */
export function provesModern(message: ServerMessage | undefined): boolean {
  if (message?.kind === 'result') {
    const text = message.bytes.toString('utf8', message.start, message.end)
    return listsOurs(text, 'supportedVersions')
  }
  return (
    message?.kind === 'error' &&
    message.code === -32022 &&
    isObjectText(message.data) &&
    listsOurs(message.data, 'supported')
  )
}

const scanOptions = { depthMax: 512, refuseDuplicates: false }

/** Whether a member of an object is a list with a modern revision of ours. */
function listsOurs(text: string, key: string): boolean {
  const list = scanObject(text, { [key]: { '[]': {} } }, scanOptions).find(
    (member) => member.key === key,
  )
  const known: readonly string[] = modernRevisions
  return (list?.members ?? []).some((entry) =>
    known.includes(stringValue(text.slice(entry.start, entry.end)) ?? ''),
  )
}

/** @throws GatewayError server_broken for a revision that is none of ours */
function legacyRevision(text: string | undefined): Revision {
  const revision = legacyRevisions.find((known) => known === text)
  if (revision === undefined)
    throw new GatewayError('server_broken', {
      detail: `unknown protocol version ${String(text).slice(0, 40)}`,
    })
  return revision
}

const itemsMax = 10_000

/** The definitions of one page and the cursor of the next. */
function readPage(
  message: ServerMessage | undefined,
  member: string,
): { items: string[]; cursor: string | undefined } {
  if (message?.kind === 'error')
    throw new GatewayError('server_broken', {
      detail: `${member}: ${message.code} ${message.message.slice(0, 200)}`,
    })
  if (message?.kind !== 'result')
    throw new GatewayError('server_broken', { detail: `${member}: no answer` })
  const text = message.bytes.toString('utf8', message.start, message.end)
  const members = scanObject(text, { [member]: { '[]': {} } }, scanOptions)
  const list = members.find((candidate) => candidate.key === member)
  const cursor = members.find((candidate) => candidate.key === 'nextCursor')
  if (list?.members === undefined)
    throw new GatewayError('server_broken', { detail: `the result has no array "${member}"` })
  return {
    items: list.members
      .filter((entry) => text.charCodeAt(entry.start) === 0x7b)
      .map((entry) => text.slice(entry.start, entry.end)),
    cursor: cursor === undefined ? undefined : stringValue(text.slice(cursor.start, cursor.end)),
  }
}

const pagesMax = 100
const listBytesMax = 64_000_000

/** Walks all pages of a list, as far as it is held. `request` sends one request with the given params. */
export async function readAllPages(
  member: string,
  request: (params: readonly Member[]) => Promise<ServerMessage | undefined>,
): Promise<Listed> {
  const items: string[] = []
  let bytes = 0
  let cursor: string | undefined
  for (let page = 0; page < pagesMax; page++) {
    const read = readPage(
      await request(cursor === undefined ? [] : [{ key: 'cursor', raw: JSON.stringify(cursor) }]),
      member,
    )
    for (const item of read.items) {
      bytes += item.length
      if (bytes > listBytesMax) return { items, cut: cutAt(member, `${listBytesMax} bytes`) }
      if (items.length === itemsMax) return { items, cut: cutAt(member, `${itemsMax} entries`) }
      items.push(item)
    }
    if (read.cursor === undefined || read.cursor === cursor) return { items }
    cursor = read.cursor
  }
  return { items, cut: cutAt(member, `${pagesMax} pages`) }
}

function cutAt(member: string, limit: string): string {
  return `the list of ${member} is longer than ${limit}; the rest is not offered`
}
