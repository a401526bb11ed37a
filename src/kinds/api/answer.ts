/** Makes CallToolResults of what APIs answer. JSON that an API sent is spliced in as it is, never re-serialised. */
import { type Arriving, Layer } from '../../kit/arriving.ts'
import {
  Base64Stage,
  endThrough,
  jsonTextStage,
  pushThrough,
  type Stage,
} from '../../upstream/stages.ts'
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
  return whole([blocks(textBlock(sentence), extra.notes ?? []), ']', noStructure(extra)], false)
}

/** Bytes that are neither JSON nor text: an image, audio, or a resource with its media type. */
export function binaryAnswer(
  bytes: Buffer,
  mediaType: string,
  name: string,
  extra: Extra = {},
): Answer {
  const [before, after] = binaryBlock(mediaType, name)
  const block = before + bytes.toString('base64') + after
  return whole([blocks(block, extra.notes ?? []), ']', noStructure(extra)], false)
}

/** What stands before and after the base64 of a block. */
function binaryBlock(mediaType: string, name: string): readonly [string, string] {
  const type = `"mimeType":${JSON.stringify(mediaType)}`
  const kind = /^(image|audio)\//.exec(mediaType)?.[1]
  return kind === undefined
    ? [
        `{"type":"resource","resource":{"uri":${JSON.stringify(`sallyport:result/${name}`)},${type},"blob":"`,
        '"}}',
      ]
    : [`{"type":"${kind}",${type},"data":"`, '"}']
}

const noStructure = ({ structured }: Extra): string =>
  structured === 'object' ? ',"structuredContent":{}' : ''

/** An answer that is too large to hold. */
export interface Large {
  /** Its beginning, as the stages left it. */
  readonly first: Buffer
  readonly rest: Arriving
  /** Those that `first` went through already. */
  readonly stages: readonly Stage[]
  /** Further texts for the model; asked when the last byte came. */
  readonly notes: () => readonly string[]
}

function large(
  { first, rest, stages }: Large,
  before: string,
  last: Stage | undefined,
  after: () => string,
): Answer {
  const ending = last === undefined ? [] : [last]
  const all = [...stages, ...ending]
  async function* pieces(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const piece of source) yield pushThrough(all, piece)
    yield endThrough(all)
    yield Buffer.from(`${after()}}`)
  }
  return {
    body: {
      kind: 'stream',
      head: Buffer.concat([Buffer.from(before), pushThrough(ending, first)]),
      rest: new Layer(rest, pieces),
      isError: () => false,
    },
    isError: false,
  }
}

const moreBlocks = (notes: readonly string[]): string =>
  notes.map((note) => `,${textBlock(note)}`).join('')

/** How much of a large answer is shown as text beside its structured content. */
const beginningBytesMax = 20_000

/** The form of a large answer, which can be given only once: the caller's revision and the tool decide. */
export interface LargeForm extends Extra {
  /** The caller knows no structured content. */
  readonly textsOnly: boolean
  /** The caller's era has `resultType`. */
  readonly isModern: boolean
}

const opening = ({ isModern }: LargeForm): string => (isModern ? '{"resultType":"complete",' : '{')

function toldOf(from: Large): string {
  const beginning = from.first.toString('utf8', 0, beginningBytesMax).replace(/\ufffd$/, '')
  const told = `The answer is larger than a text may be: all of it is in structuredContent. Filters or a smaller page make it readable here. It begins:\n${beginning}`
  return `"content":[${blocks(textBlock(told), from.notes())}]`
}

/** Large JSON: as `structuredContent`, its bytes untouched, with its beginning as text. */
export function largeJsonAnswer(from: Large, form: LargeForm): Answer {
  const isObject = from.first[firstSign(from.first)] === 0x7b
  if (form.textsOnly || form.structured === 'none') return largeTextAnswer(from, form)
  const wraps = form.structured === 'object' && !isObject
  return large(
    from,
    `${opening(form)}"structuredContent":${wraps ? '{"result":' : ''}`,
    undefined,
    () => `${wraps ? '}' : ''},${toldOf(from)}`,
  )
}

/** Large text: as the content, or, where the tool has an output schema, in `structuredContent` like a small one. */
export function largeTextAnswer(from: Large, form: LargeForm): Answer {
  return form.structured === 'object' && !form.textsOnly
    ? large(
        from,
        `${opening(form)}"structuredContent":{"result":"`,
        jsonTextStage,
        () => `"},${toldOf(from)}`,
      )
    : large(
        from,
        `${opening(form)}"content":[{"type":"text","text":"`,
        jsonTextStage,
        () => `"}${moreBlocks(from.notes())}]`,
      )
}

export function largeBinaryAnswer(
  from: Large,
  mediaType: string,
  name: string,
  form: LargeForm,
): Answer {
  const [before, after] = binaryBlock(mediaType, name)
  const structure = form.textsOnly ? '' : noStructure(form)
  return large(
    from,
    `${opening(form)}"content":[${before}`,
    new Base64Stage(),
    () => `${after}${moreBlocks(from.notes())}]${structure}`,
  )
}
