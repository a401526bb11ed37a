/** Text of a description to parsed JSON, bounded: JSON by the engine, YAML by a library, without alias bombs. */
import { messageOf } from '../../kit/thrown.ts'
import { type ConversionCode, ConversionFault, type Document } from '../../model/conversion.ts'
import { isObject, type JsonObject } from './json.ts'
import { type Repeated, repeatedInJson, repeatedInYaml } from './repeated.ts'

const jsonCharsMax = 48_000_000
/** Parsing YAML costs some ten times what parsing JSON costs. */
const yamlCharsMax = 12_000_000

/** A parsed text, and the operations in it that equal keys have hidden. */
export interface Parsed {
  readonly root: JsonObject
  readonly repeated: readonly Repeated[]
}

/** @throws ConversionFault description_too_large, description_invalid */
export async function parseDocument(document: Document): Promise<JsonObject> {
  return (await parseDescription(document)).root
}

/** @throws ConversionFault description_too_large, description_invalid */
export async function parseDescription(document: Document): Promise<Parsed> {
  const text = document.text.startsWith('\uFEFF') ? document.text.slice(1) : document.text
  const json = /^\s*[{[]/.test(text.slice(0, 1_000))
  const charsMax = json ? jsonCharsMax : yamlCharsMax
  if (text.length > charsMax)
    throw new ConversionFault(
      'description_too_large',
      `It has ${text.length} characters; at most ${charsMax} are read as ${json ? 'JSON' : 'YAML'}.`,
      document.location,
    )
  const { value, repeated } = json
    ? await parseJson(text, document)
    : await parseYaml(text, document)
  if (!isObject(value))
    throw new ConversionFault(
      'description_invalid',
      'It is no object: neither an OpenAPI description nor a part of one.',
      document.location,
    )
  return { root: value, repeated }
}

interface Read {
  readonly value: unknown
  readonly repeated: readonly Repeated[]
}

async function parseJson(text: string, document: Document): Promise<Read> {
  try {
    return { value: JSON.parse(text), repeated: repeatedInJson(text) }
  } catch (error) {
    // `{a: 1}` is YAML in its flow form; when that fails too, the fault of JSON says more.
    if (text.length <= yamlCharsMax && !/^\s*\{\s*"/.test(text.slice(0, 1_000)))
      try {
        return await parseYaml(text, document)
      } catch {
        // Told below.
      }
    const why = messageOf(error)
    throw faultOf('description_invalid', `It is not valid JSON: ${why}`, placeOf(why), error)
  }
}

/** The engine tells `position N (line L column C)`. */
function placeOf(message: string): string {
  return /line \d+ column \d+/.exec(message)?.[0] ?? ''
}

async function parseYaml(text: string, { location }: Document): Promise<Read> {
  // Loaded when there is YAML.
  const { readYaml, YamlFault } = await import('./yaml.ts')
  try {
    const { value, entries } = readYaml(text)
    return { value, repeated: repeatedInYaml(entries) }
  } catch (error) {
    if (!(error instanceof YamlFault)) throw error
    throw faultOf(
      error.tooLarge ? 'description_too_large' : 'description_invalid',
      `It is not usable YAML: ${error.message}`,
      error.place === '' ? location : error.place,
      error,
    )
  }
}

function faultOf(code: ConversionCode, reason: string, place: string, cause: unknown): Error {
  const fault = new ConversionFault(code, reason, place)
  fault.cause = cause
  return fault
}
