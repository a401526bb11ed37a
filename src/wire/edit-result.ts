/** A server's result as an endpoint and the caller's revision have it: spliced into its bytes, which stay what they are. */
import { type Arriving, Layer } from '../kit/arriving.ts'
import { type JsonMember, scanObject } from '../kit/json-scan.ts'
import { mayName } from '../kit/may-name.ts'
import type { Call, Revision } from '../model/call.ts'
import { methodOf } from '../model/methods.ts'
import { GatewayError } from '../model/refusal.ts'
import type { Reply } from '../model/reply.ts'
import { type Edit, mayLackContent, olderContent } from './older.ts'
import { appScheme, membersAt, taskPlaces, uriPlaces } from './places.ts'
import { StreamEditor, type StreamEdits } from './stream-editor.ts'

/** What an endpoint changes of a server's result. */
export interface ResultPlace {
  /** What the endpoint puts before a server's URIs; empty where they stay. */
  readonly uriPrefix: string
  /** The public id of the task that the result is about or that was made instead of one. */
  readonly taskId: string | undefined
  /** The tool's output is no object and the caller's revision knows only objects (protocol.md section 5). */
  readonly wrapsOutput: boolean
}

/** What is there of it, and what still arrives. */
export interface EditedResult {
  readonly head: (string | Buffer)[]
  readonly rest: Arriving | undefined
}

export function editedResult(
  call: Call,
  { body, era }: Extract<Reply, { kind: 'complete' }>,
  place: ResultPlace,
): EditedResult {
  // A legacy server's structured content is an object; a legacy caller can take no other.
  const legacyOutput =
    call.era === 'legacy' && era === 'modern' && methodOf(call.method).result === 'tool'
  if (body.kind === 'stream') {
    const members = call.era === 'modern' && era === 'legacy' ? modernMembers(call) : noMembers
    const edited = {
      ...place,
      wrapsOutput: legacyOutput,
      wrapsAlways: place.wrapsOutput,
      members,
    }
    const older = hasBlocks(call) && mayLackContent(call.revision)
    const source = older ? heldOlder(body, call.revision, place.uriPrefix) : body
    const { head, rest } = editStream(source, edited)
    return { head: [head], rest }
  }
  const older = hasBlocks(call) ? olderContent(body.bytes, call.revision, place.uriPrefix) : []
  const edits: Edit[] = []
  if (call.era !== era) eraEdits(call, body.bytes, edits)
  if (place.uriPrefix !== '' && mayName(body.bytes, 'uri'))
    uriEdits(body.bytes, place.uriPrefix, edits)
  if (place.taskId !== undefined) taskEdits(body.bytes, place.taskId, edits)
  if (legacyOutput && mayName(body.bytes, 'structuredContent'))
    outputEdits(body.bytes, place.wrapsOutput, edits)
  const within = (edit: Edit): boolean =>
    older.some(({ start, end }) => edit.start >= start && edit.end <= end)
  const all = older.length === 0 ? edits : [...older, ...edits.filter((edit) => !within(edit))]
  return { head: applyEdits(body.bytes, all), rest: undefined }
}

/** Whether the result is content for people and models. */
function hasBlocks(call: Call): boolean {
  const { result } = methodOf(call.method)
  return result === 'tool' || result === 'prompt'
}

/** Of a large result that is held to be read whole, since it may hold what an old revision lacks. A larger one passes as it is. */
const heldBytesMax = 4_000_000

/** A result that is still arriving, held to its end and then as an older revision knows it. */
function heldOlder(
  body: { readonly head: Buffer; readonly rest: Arriving },
  revision: Revision,
  uriPrefix: string,
): { head: Buffer; rest: Arriving } {
  const rest = new Layer(body.rest, async function* pieces(source) {
    const held = [body.head]
    let bytes = body.head.length
    let passing = false
    for await (const chunk of source) {
      bytes += chunk.length
      if (passing) yield chunk
      else held.push(chunk)
      if (passing || bytes <= heldBytesMax) continue
      passing = true
      yield* held.splice(0)
    }
    if (passing) return
    const whole = Buffer.concat(held)
    for (const part of applyEdits(whole, olderContent(whole, revision, uriPrefix)))
      yield Buffer.from(part)
  })
  return { head: Buffer.alloc(0), rest }
}

function applyEdits(bytes: Buffer, edits: Edit[]): (string | Buffer)[] {
  if (edits.length === 0) return [bytes]
  // What is inserted behind a value comes before what is made of the gap behind it.
  edits.sort((a, b) => a.start - b.start || a.end - b.end)
  const parts: (string | Buffer)[] = []
  let from = 0
  for (const edit of edits) {
    parts.push(bytes.subarray(from, edit.start), edit.text)
    from = edit.end
  }
  parts.push(bytes.subarray(from))
  return parts
}

const scanOptions = { depthMax: 512, refuseDuplicates: false }

/** What a modern result has and a legacy one has not: MCP 2026-07-28 basic/index, server/utilities/caching. */
const modernOnly: ReadonlySet<string> = new Set(['resultType', 'ttlMs', 'cacheScope'])

/** What a result of a legacy server lacks for a modern caller. */
function modernMembers(call: Call): ReadonlyMap<string, string> {
  return methodOf(call.method).result === 'contents' ? readMembers : resultMembers
}

const resultMembers: ReadonlyMap<string, string> = new Map([['resultType', '"complete"']])
const readMembers: ReadonlyMap<string, string> = new Map([
  ...resultMembers,
  ['ttlMs', '0'],
  ['cacheScope', '"private"'],
])
const noMembers: ReadonlyMap<string, string> = new Map()

function modernAdditions(call: Call): string {
  return [...modernMembers(call)].map(([key, raw]) => `"${key}":${raw}`).join(',')
}

/** Rebuilds the outermost level of a result for the other era; the values stay the bytes that they are. */
function eraEdits(call: Call, bytes: Buffer, edits: Edit[]): void {
  const kept = scanObject(bytes.toString('latin1'), {}, scanOptions).filter(
    (member) => !modernOnly.has(member.key),
  )
  const additions = call.era === 'modern' ? modernAdditions(call) : ''
  const first = kept[0]
  const last = kept.at(-1)
  if (first === undefined || last === undefined) {
    edits.push({ start: 0, end: bytes.length, text: `{${additions}}` })
    return
  }
  edits.push({ start: 0, end: first.keyStart, text: additions === '' ? '{' : `{${additions},` })
  for (let i = 1; i < kept.length; i++)
    edits.push({ start: kept[i - 1]?.end ?? 0, end: kept[i]?.keyStart ?? 0, text: ',' })
  edits.push({ start: last.end, end: bytes.length, text: '}' })
}

/** Prefixes every URI of a result that names a resource of the server, so that the caller can read it here. */
function uriEdits(bytes: Buffer, uriPrefix: string, edits: Edit[]): void {
  const members = scanObject(bytes.toString('latin1'), uriPlaces, scanOptions)
  for (const { start } of membersAt(uriPlaces, members)) {
    if (bytes[start] !== 0x22) continue
    const first = bytes.toString('latin1', start + 1, start + 1 + appScheme.length)
    const at = start + 1 + (first === appScheme ? appScheme.length : 0)
    edits.push({ start: at, end: at, text: uriPrefix })
  }
}

/** Puts the public id in the place of the server's own. */
function taskEdits(bytes: Buffer, publicId: string, edits: Edit[]): void {
  const text = JSON.stringify(publicId)
  const members = scanObject(bytes.toString('latin1'), taskPlaces, scanOptions)
  for (const { start, end } of membersAt(taskPlaces, members)) edits.push({ start, end, text })
}

/** Wraps structured content that is no object as `{"result": ...}`; a tool whose schema says so gets it always. */
function outputEdits(bytes: Buffer, always: boolean, edits: Edit[]): void {
  const members = scanObject(bytes.toString('latin1'), {}, scanOptions)
  const output = members.find((member) => member.key === 'structuredContent')
  if (output === undefined || (!always && bytes[output.start] === 0x7b)) return
  edits.push({ start: output.start, end: output.start, text: '{"result":' })
  edits.push({ start: output.end, end: output.end, text: '}' })
  const content = members.find((member) => member.key === 'content')
  const empty = content !== undefined && /^\[\s*\]$/.test(slice(bytes, content))
  if (content !== undefined && !empty) return
  // Callers that read only text must find something there.
  const block = `[{"type":"text","text":${JSON.stringify(slice(bytes, output))}}]`
  if (content !== undefined) edits.push({ start: content.start, end: content.end, text: block })
  else edits.push({ start: output.keyStart, end: output.keyStart, text: `"content":${block},` })
}

function slice(bytes: Buffer, member: JsonMember): string {
  return bytes.toString('utf8', member.start, member.end)
}

/** The same on a result that is still arriving. */
function editStream(
  body: { readonly head: Buffer; readonly rest: Arriving },
  place: StreamEdits,
): { head: Buffer; rest: Arriving } {
  const { uriPrefix, taskId, wrapsOutput, members } = place
  if (uriPrefix === '' && taskId === undefined && !wrapsOutput && members.size === 0) return body
  const editor = new StreamEditor(place)
  const rewritten = (rewrite: () => Buffer): Buffer => {
    try {
      return rewrite()
    } catch (cause) {
      const error = new GatewayError('server_broken', { detail: 'the result is no JSON', cause })
      body.rest.stop(error)
      throw error
    }
  }
  // The head, too, is rewritten while it is read: what is wrong with it breaks the stream off like what comes later.
  const rest = new Layer(body.rest, async function* pieces(source) {
    yield rewritten(() => editor.rewrite(body.head))
    for await (const chunk of source) yield rewritten(() => editor.rewrite(chunk))
    yield rewritten(() => editor.finish())
  })
  return { head: Buffer.alloc(0), rest }
}
