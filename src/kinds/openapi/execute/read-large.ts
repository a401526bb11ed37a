/** Makes the result of a tool of an answer that is too large to hold: what came leaves again while the rest arrives. */
import type { Arriving } from '../../../kit/arriving.ts'
import { modernRevisions, type Revision } from '../../../model/call.ts'
import { GatewayError } from '../../../model/refusal.ts'
import {
  JsonStage,
  pushThrough,
  type Stage,
  utf8Stage,
  wholeCharacters,
} from '../../../upstream/stages.ts'
import { answerTooLarge } from '../../../upstream/unpack.ts'
import {
  type Large,
  type LargeForm,
  largeBinaryAnswer,
  largeJsonAnswer,
  largeTextAnswer,
} from '../../api/answer.ts'
import type { Answer } from '../../api/executor.ts'
import { outlineOf } from './outline.ts'
import { scalarsOf } from './paging.ts'
import {
  depthMax,
  fileNameOf,
  isJson,
  isPlain,
  isText,
  isXml,
  looksLikeJson,
  type MediaType,
  mediaTypeOf,
  notesOf,
  type Reading,
  readAnswer,
  withNext,
} from './read-answer.ts'

export interface Rest {
  readonly rest: Arriving
  /** Take secrets out, each one stream; made anew for each use. */
  readonly secrets: () => readonly Stage[]
  readonly revision: Revision
}

/** XML becomes JSON by its end, so it is held. */
const xmlBytesMax = 16_000_000
/** The first revision with `structuredContent` in results of tools. */
const structuredSince: Revision = '2025-06-18'

/** A success whose body has more than what is held. @throws GatewayError answer_too_large */
export async function readLarge(reading: Reading, large: Rest): Promise<Answer> {
  const { arrived, plan } = reading
  const { rest, revision } = large
  const type = mediaTypeOf(arrived.headers['content-type'])
  if (isXml(type.name)) {
    const body = await gathered(arrived.body, rest)
    return readAnswer({ ...reading, arrived: { ...arrived, body } })
  }
  const form: LargeForm = {
    ...(plan.structured ? { structured: 'object' } : {}),
    textsOnly: revision < structuredSince,
    isModern: modernRevisions.some((known) => known === revision),
  }
  const told = (outline: string | undefined): readonly string[] => {
    const value: unknown = outline === undefined ? undefined : JSON.parse(outline)
    const body = Buffer.from(outline ?? '')
    const extra = { notes: notesOf(reading) }
    return withNext({ ...reading, arrived: { ...arrived, body } }, value, extra, true).notes ?? []
  }
  const plain = type.name === '' && isPlain(arrived.body.subarray(0, wholeCharacters(arrived.body)))
  if (!isJson(type.name) && !isText(type.name) && !plain) {
    const stages = large.secrets()
    const first = pushThrough(stages, arrived.body)
    const mediaType = type.name === '' ? 'application/octet-stream' : type.name
    const from: Large = { first, rest, stages, notes: () => told(undefined) }
    return largeBinaryAnswer(from, reading.clean(mediaType), fileNameOf(reading), form)
  }
  // Secrets are looked for in the text, whatever charset it came in.
  const text = [utf8Stage(charsetOf(type)), ...large.secrets()]
  const first = pushThrough(text, arrived.body)
  const json =
    isJson(type.name) || (plain && looksLikeJson(first))
      ? jsonThatBegins(first, scalarsOf(plan))
      : undefined
  if (json === undefined || (!plan.structured && !looksLikeJson(first))) {
    const stages = json === undefined ? text : [...text, json]
    return largeTextAnswer({ first, rest, stages, notes: () => told(undefined) }, form)
  }
  const notes = (): readonly string[] => told(outlineOf(json.scalars))
  return largeJsonAnswer({ first, rest, stages: [...text, json], notes }, form)
}

/** JSON is UTF-8 (RFC 8259 section 8.1), also where an answer says that it is less. */
function charsetOf({ name, charset }: MediaType): string | undefined {
  return isJson(name) && charset === 'us-ascii' ? undefined : charset
}

/** Undefined when the beginning is no JSON: then it is a text. */
function jsonThatBegins(text: Buffer, wanted: ReadonlySet<string>): JsonStage | undefined {
  const json = new JsonStage(depthMax, wanted)
  try {
    json.push(text)
    return json
  } catch (fault) {
    if (fault instanceof GatewayError) return undefined
    throw fault
  }
}

async function gathered(first: Buffer, rest: Arriving): Promise<Buffer> {
  const held = [first]
  let bytes = first.length
  for await (const piece of rest) {
    bytes += piece.length
    if (bytes > xmlBytesMax) throw answerTooLarge(xmlBytesMax)
    held.push(piece)
  }
  return Buffer.concat(held)
}
