/**
 * Content that a client's revision does not know becomes a text that names it, since clients refuse a whole result for one
 * block of an unknown kind (protocol.md section 1: audio came with 2025-03-26, links to resources with 2025-06-18, several
 * blocks, tool use and tool results in sampling with 2025-11-25).
 */

import { type Collect, type JsonMember, scanObject, stringValue } from '../kit/json-scan.ts'
import { mayName } from '../kit/may-name.ts'
import type { Revision } from '../model/call.ts'

/** Replace bytes `start` to `end` by `text`. */
export interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** Kinds of content by the revision from which on they are known. */
const since: Readonly<Record<string, Revision>> = {
  audio: '2025-03-26',
  resource_link: '2025-06-18',
  tool_use: '2025-11-25',
  tool_result: '2025-11-25',
}
const newestOfResults: Revision = '2025-06-18'
const newestOfQuestions: Revision = '2025-11-25'

const block: Collect = { '[]': {} }
const paths: Collect = { content: block, messages: { '[]': { content: block } } }
const options = { depthMax: 512, refuseDuplicates: false }

/** Whether results may hold content that the revision does not know. */
export function mayLackContent(revision: Revision): boolean {
  return revision < newestOfResults
}

/** What must be replaced in a result of a tool or a prompt. `uriPrefix` goes before the URIs of the server. */
export function olderContent(bytes: Buffer, revision: Revision, uriPrefix: string): Edit[] {
  if (!mayLackContent(revision)) return []
  if (!mayName(bytes, 'resource_link') && !mayName(bytes, 'audio')) return []
  const edits: Edit[] = []
  for (const block of blocksOf(bytes)) {
    const text = olderBlock(bytes, block, revision, uriPrefix)
    if (text !== undefined) edits.push({ start: block.start, end: block.end, text })
  }
  return edits
}

/** The parameters of a question to a model as the client's revision knows them. */
export function olderQuestion(params: string, revision: Revision): string {
  if (revision >= newestOfQuestions) return params
  const bytes = Buffer.from(params)
  const list = scanObject(bytes.toString('latin1'), paths, options).find(
    (member) => member.key === 'messages',
  )
  if (list?.members === undefined) return params
  const messages = list.members.flatMap((message): string[] => {
    const content = message.members?.find((member) => member.key === 'content')
    if (content?.members === undefined) return [sliceOf(bytes, message)]
    // A message has one block in older revisions, so several become several messages.
    const blocks = bytes[content.start] === 0x5b ? content.members : [content]
    return blocks.map((one) => {
      const text = olderBlock(bytes, one, revision, '') ?? sliceOf(bytes, one)
      return `${bytes.toString('utf8', message.start, content.start)}${text}${bytes.toString('utf8', content.end, message.end)}`
    })
  })
  return `${bytes.toString('utf8', 0, list.start)}[${messages.join(',')}]${bytes.toString('utf8', list.end)}`
}

/** All blocks of a result: those of `content`, and those of messages, where one may stand alone. */
function blocksOf(bytes: Buffer): readonly JsonMember[] {
  const within = (content: JsonMember): readonly JsonMember[] =>
    bytes[content.start] === 0x5b ? (content.members ?? []) : [content]
  return scanObject(bytes.toString('latin1'), paths, options).flatMap((member) => {
    if (member.key === 'content') return within(member)
    if (member.key !== 'messages') return []
    return (member.members ?? []).flatMap((message) =>
      (message.members ?? []).filter(({ key }) => key === 'content').flatMap(within),
    )
  })
}

/** The text in the place of a block; undefined for one that the revision knows. */
function olderBlock(
  bytes: Buffer,
  { members = [] }: JsonMember,
  revision: Revision,
  uriPrefix: string,
): string | undefined {
  const raw = (key: string): string | undefined => {
    const member = members.find((candidate) => candidate.key === key)
    return member === undefined ? undefined : sliceOf(bytes, member)
  }
  const said = (key: string): string => stringValue(raw(key)) ?? ''
  const kind = said('type')
  const first = Object.hasOwn(since, kind) ? since[kind] : undefined
  if (first === undefined || revision >= first) return undefined
  const of = [said('mimeType'), said('description')].filter((text) => text !== '').join('; ')
  const details = of === '' ? '' : ` (${of})`
  const text = {
    audio: `[audio${details}, which this client's revision of MCP cannot carry]`,
    resource_link: `[link to the resource "${said('title') || said('name')}"${details}: ${publicUri(said('uri'), uriPrefix)}]`,
    tool_use: `[use of the tool "${said('name')}": ${raw('input') ?? '{}'}]`,
    tool_result: `[result of a tool: ${raw('content') ?? '[]'}]`,
  }[kind]
  const annotations = raw('annotations')
  const kept = annotations === undefined ? '' : `,"annotations":${annotations}`
  return `{"type":"text","text":${JSON.stringify(text)}${kept}}`
}

function publicUri(uri: string, prefix: string): string {
  return uri.startsWith('ui://') ? `ui://${prefix}${uri.slice(5)}` : prefix + uri
}

function sliceOf(bytes: Buffer, { start, end }: JsonMember): string {
  return bytes.toString('utf8', start, end)
}
