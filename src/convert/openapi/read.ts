/** Text of a description to parsed JSON, bounded: JSON by the engine, YAML by the library without alias bombs. */
import { type ConversionCode, ConversionFault, type Document } from '../../model/conversion.ts'
import { isObject, type JsonObject, memberOf } from './json.ts'

const jsonCharsMax = 48_000_000
/** YAML costs some twenty times what JSON costs. */
const yamlCharsMax = 12_000_000
/** How often anchors may be repeated, counted by the library with their nesting. */
const aliasesMax = 1_000

/** @throws ConversionFault description_too_large, description_invalid */
export async function parseDocument(document: Document): Promise<JsonObject> {
  const text = document.text.startsWith('\uFEFF') ? document.text.slice(1) : document.text
  const json = /^\s*[{[]/.test(text.slice(0, 1_000))
  const charsMax = json ? jsonCharsMax : yamlCharsMax
  if (text.length > charsMax)
    throw new ConversionFault(
      'description_too_large',
      `It has ${text.length} characters; at most ${charsMax} are read as ${json ? 'JSON' : 'YAML'}.`,
      document.location,
    )
  const value = json ? await parseJson(text, document) : await parseYaml(text, document)
  if (!isObject(value))
    throw new ConversionFault(
      'description_invalid',
      'It is no object: neither an OpenAPI description nor a part of one.',
      document.location,
    )
  return value
}

async function parseJson(text: string, document: Document): Promise<unknown> {
  try {
    return JSON.parse(text)
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

async function parseYaml(text: string, { location }: Document): Promise<unknown> {
  const { parse } = await import('./yaml.ts')
  try {
    const document = parse(text, {
      // Looking for equal keys takes the square of their number.
      uniqueKeys: false,
      logLevel: 'silent',
      merge: true,
      strict: false,
    })
    const [error] = document.errors
    if (error !== undefined) throw error
    return document.toJS({ maxAliasCount: aliasesMax })
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

function faultOf(code: ConversionCode, reason: string, place: string, cause: unknown): Error {
  const fault = new ConversionFault(code, reason, place)
  fault.cause = cause
  return fault
}
