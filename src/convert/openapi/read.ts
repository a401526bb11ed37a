/** Text of a description to parsed JSON, bounded: JSON by the engine, YAML by the library without alias bombs. */
import { type ConversionCode, ConversionFault, type Document } from '../../model/conversion.ts'
import { isObject, type JsonObject, memberOf } from './json.ts'
import { type Repeated, repeatedInJson, repeatedInYaml } from './repeated.ts'

const jsonCharsMax = 48_000_000
/** YAML costs some twenty times what JSON costs. */
const yamlCharsMax = 12_000_000
/** How often anchors may be repeated, counted by the library with their nesting. */
const aliasesMax = 1_000

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
    const why = error instanceof Error ? error.message : String(error)
    throw faultOf('description_invalid', `It is not valid JSON: ${why}`, placeOf(why), error)
  }
}

/** The engine tells `position N (line L column C)`. */
function placeOf(message: string): string {
  return /line \d+ column \d+/.exec(message)?.[0] ?? ''
}

async function parseYaml(text: string, { location }: Document): Promise<Read> {
  const { parse } = await import('./yaml.ts')
  try {
    const document = parse(text, {
      // Looking for equal keys takes the square of their number.
      uniqueKeys: false,
      logLevel: 'silent',
      // Both cost a tenth of the time, and are needed seldom.
      merge: text.includes('<<'),
      prettyErrors: false,
      strict: false,
    })
    const [error] = document.errors
    if (error !== undefined) {
      error.message += placeAt(text, error.pos[0])
      throw error
    }
    return {
      value: document.toJS({ maxAliasCount: aliasesMax }),
      repeated: await repeatedInYaml(document.contents),
    }
  } catch (error) {
    // The library recurses: nesting that no person writes exhausts the stack, which it tells either way.
    const deep = error instanceof RangeError || memberOf(error, 'code') === 'RESOURCE_EXHAUSTION'
    const why = deep
      ? 'it is nested too deep'
      : error instanceof Error
        ? error.message
        : String(error)
    const [first = ''] = why.split('\n', 1)
    throw faultOf(
      error instanceof ReferenceError || deep ? 'description_too_large' : 'description_invalid',
      `It is not usable YAML: ${first.replace(/ at line.*$/, '')}`,
      placeOf(first.replace(', column', ' column')) || location,
      error,
    )
  }
}

function placeAt(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n')
  return ` at line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`
}

function faultOf(code: ConversionCode, reason: string, place: string, cause: unknown): Error {
  const fault = new ConversionFault(code, reason, place)
  fault.cause = cause
  return fault
}
