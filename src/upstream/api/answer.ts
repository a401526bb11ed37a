/** Makes CallToolResults of what APIs answer. JSON that an API sent is spliced in as it is, never re-serialised. */
import type { Answer } from './executor.ts'

const head = Buffer.from('{"resultType":"complete","content":[')

function whole(
  parts: readonly (string | Buffer)[],
  isError: boolean,
  { meta }: Extra = {},
): Answer {
  const buffers = parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part))
  if (meta !== undefined) buffers.push(Buffer.from(',"_meta":'), meta)
  const bytes = Buffer.concat([head, ...buffers, Buffer.from(isError ? ',"isError":true}' : '}')])
  return { body: { kind: 'whole', bytes }, isError }
}

const textBlock = (text: string): string => `{"type":"text","text":${JSON.stringify(text)}}`

function blocks(first: string, notes: readonly string[]): string {
  return [first, ...notes.map(textBlock)].join(',')
}

export interface Extra {
  /** Further texts for the model, e.g. that there is a next page. */
  readonly notes?: readonly string[]
  /**
   * `object`: the tool has an output schema, so there is `structuredContent` and it is an object. Default: JSON of an
   * API becomes `structuredContent` as it is.
   */
  readonly structured?: 'object' | 'none'
  /** Raw JSON object: `_meta` of the result, for what clients may know and models need not read. */
  readonly meta?: Buffer
}

/** JSON of an API: as `structuredContent`, its bytes untouched, and as text for clients that read only that. */
export function jsonAnswer(json: Buffer, isError = false, extra: Extra = {}): Answer {
  const content = blocks(textBlock(json.toString('utf8')), extra.notes ?? [])
  if (extra.structured === 'none') return whole([content, ']'], isError, extra)
  const isObject = json[firstSign(json)] === 0x7b
  return extra.structured === 'object' && !isObject
    ? whole([content, '],"structuredContent":{"result":', json, '}'], isError, extra)
    : whole([content, '],"structuredContent":', json], isError, extra)
}

function firstSign(json: Buffer): number {
  let at = 0
  while (json[at] === 0x20 || json[at] === 0x0a || json[at] === 0x0d || json[at] === 0x09) at++
  return at
}

export function textAnswer(text: string, isError = false, extra: Extra = {}): Answer {
  const content = blocks(textBlock(text), extra.notes ?? [])
  const structured =
    extra.structured === 'object' ? `,"structuredContent":{"result":${JSON.stringify(text)}}` : ''
  return whole([content, ']', structured], isError, extra)
}

/** A success that has nothing to show: a sentence, since an empty result reads like a failure. */
export function emptyAnswer(sentence: string, extra: Extra = {}): Answer {
  const structured = extra.structured === 'object' ? ',"structuredContent":{}' : ''
  return whole([blocks(textBlock(sentence), extra.notes ?? []), ']', structured], false)
}

/** Bytes that are neither JSON nor text: an image, audio, or a resource with its media type. */
export function binaryAnswer(
  bytes: Buffer,
  mediaType: string,
  name: string,
  extra: Extra = {},
): Answer {
  const type = `"mimeType":${JSON.stringify(mediaType)}`
  const kind = /^(image|audio)\//.exec(mediaType)?.[1]
  const base64 = bytes.toString('base64')
  const block =
    kind === undefined
      ? `{"type":"resource","resource":{"uri":${JSON.stringify(`sallyport:result/${name}`)},${type},"blob":"${base64}"}}`
      : `{"type":"${kind}",${type},"data":"${base64}"}`
  const structured = extra.structured === 'object' ? ',"structuredContent":{}' : ''
  return whole([blocks(block, extra.notes ?? []), ']', structured], false)
}
