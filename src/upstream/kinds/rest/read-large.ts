/** Makes the result of a tool of an answer that is too large to hold: what came leaves again while the rest arrives. */
import { isUtf8 } from 'node:buffer'
import { GatewayError } from '../../../model/refusal.ts'
import {
  type Extra,
  type Large,
  largeBinaryAnswer,
  largeJsonAnswer,
  largeTextAnswer,
} from '../../api/answer.ts'
import type { Answer } from '../../api/executor.ts'
import type { Rest } from '../../api/http-exchange.ts'
import {
  endThrough,
  JsonStage,
  pushThrough,
  type Stage,
  utf8Stage,
  wholeCharacters,
} from '../../api/stages.ts'
import {
  depthMax,
  fileNameOf,
  isJson,
  isText,
  isXml,
  looksLikeJson,
  mediaTypeOf,
  notesOf,
  pageNote,
  type Reading,
  readAnswer,
} from './read-answer.ts'

export interface Arriving {
  readonly rest: Rest
  /** Takes secrets out; undefined when there are none. */
  readonly secrets: Stage | undefined
  readonly textsOnly: boolean
}

/** XML becomes JSON by its end, so it is held. */
const xmlBytesMax = 16_000_000

/** A success whose body has more than what is held. @throws GatewayError answer_too_large */
export async function readLarge(reading: Reading, arriving: Arriving): Promise<Answer> {
  const { arrived, plan } = reading
  const type = mediaTypeOf(arrived.headers['content-type'])
  const { rest } = arriving
  const clean = arriving.secrets === undefined ? [] : [arriving.secrets]
  const first = pushThrough(clean, arrived.body)
  if (isXml(type.name))
    return readAnswer({
      ...reading,
      arrived: { ...arrived, body: await gathered(first, rest, clean) },
    })
  const extra: Extra = plan.structured && !arriving.textsOnly ? { structured: 'object' } : {}
  const toldOf = (outline: unknown): readonly string[] => {
    const page = pageNote(reading, outline)
    return page === undefined ? notesOf(reading) : [...notesOf(reading), page]
  }
  const plain = type.name === '' && isPlain(first)
  if (!isJson(type.name) && !isText(type.name) && !plain) {
    const mediaType = type.name === '' ? 'application/octet-stream' : type.name
    const from: Large = { first, rest, stages: clean, notes: () => toldOf(undefined) }
    return largeBinaryAnswer(from, mediaType, fileNameOf(reading), extra)
  }
  const utf8 = utf8Stage(type.charset)
  const text = utf8.push(first)
  const json =
    isJson(type.name) || (plain && looksLikeJson(text)) ? jsonThatBegins(text) : undefined
  const stages = [...clean, utf8, ...(json === undefined ? [] : [json])]
  const from: Large = { first: text, rest, stages, notes: () => toldOf(json?.outline) }
  return json !== undefined && !arriving.textsOnly && looksLikeJson(text)
    ? largeJsonAnswer(from, extra)
    : largeTextAnswer(from, extra)
}

/** Undefined when the beginning is no JSON: then it is a text. */
function jsonThatBegins(text: Buffer): JsonStage | undefined {
  const json = new JsonStage(depthMax)
  try {
    json.push(text)
    return json
  } catch (fault) {
    if (fault instanceof GatewayError) return undefined
    throw fault
  }
}

async function gathered(first: Buffer, rest: Rest, stages: readonly Stage[]): Promise<Buffer> {
  const held = [first]
  let bytes = first.length
  for await (const piece of rest) {
    const cleaned = pushThrough(stages, piece)
    bytes += cleaned.length
    if (bytes > xmlBytesMax)
      throw new GatewayError('answer_too_large', {
        detail: `more than ${xmlBytesMax} bytes`,
        hint: `The answer is XML of more than ${xmlBytesMax / 1_000_000} MB; narrow it with filters or a smaller page.`,
      })
    held.push(cleaned)
  }
  return Buffer.concat([...held, endThrough(stages)])
}

function isPlain(bytes: Buffer): boolean {
  return isUtf8(bytes.subarray(0, wholeCharacters(bytes))) && !bytes.subarray(0, 4_096).includes(0)
}
