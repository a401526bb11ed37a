/** What of a schema judges no value: words, formats, defaults and examples, for models to read. */

import { mayName } from '../../kit/may-name.ts'
import { plainLine, plainText } from '../text.ts'
import type { Direction } from './hidden.ts'
import {
  flagAt,
  type JsonDraft,
  type JsonObject,
  jsonOf,
  listAt,
  memberOf,
  textAt,
} from './json.ts'
import { readEnum } from './keywords.ts'

const descriptionCharsMax = { input: 600, output: 200 } as const
const enumTextCharsMax = 300
const exampleCharsMax = 200
/** Of a default or a `const`. */
export const valueCharsMax = 1_000

export interface WordsOptions {
  readonly direction: Direction
  /** What could not be said by keywords. */
  readonly hints: readonly string[]
}

/** Adds them to the converted schema. */
export function addWords(value: JsonObject, result: JsonDraft, options: WordsOptions): void {
  const { direction, hints } = options
  const format = textAt(value, 'format')
  if (format !== undefined && /^[\w:./+-]{1,60}$/.test(format)) result['format'] = format
  for (const keyword of ['contentEncoding', 'contentMediaType']) {
    const text = textAt(value, keyword)
    if (text !== undefined && text.length <= 100) result[keyword] = text
  }
  const raw = memberOf(value, 'description')
  const title = textAt(value, 'title')
  const text = typeof raw === 'string' ? plainText(raw, descriptionCharsMax[direction]) : ''
  const description = [text, enumText(value), ...hints].filter((part) => part !== '').join('\n')
  if (description !== '') result['description'] = description
  else if (title !== undefined && title.length <= 100) result['title'] = plainLine(title, 100)
  if (flagAt(value, 'deprecated') === true) result['deprecated'] = true
  if (direction === 'input') addSamples(value, result)
}

function addSamples(value: JsonObject, result: JsonDraft): void {
  const type = result['type']
  // A default written as text for a number and the like: models copy what they see.
  const fitting = (sample: unknown): unknown =>
    typeof type === 'string' ? (readEnum([sample], [type])?.[0] ?? sample) : sample
  const preset = memberOf(value, 'default')
  if (preset !== undefined && isSample(preset, valueCharsMax)) result['default'] = fitting(preset)
  const examples = listAt(value, 'examples')
  const example = memberOf(value, 'example') ?? memberOf(value, 'x-example')
  const shown = (examples.length > 0 ? examples : example === undefined ? [] : [example])
    .filter((entry) => entry !== null && isSample(entry, exampleCharsMax))
    .slice(0, 2)
  if (shown.length > 0) result['examples'] = shown.map(fitting)
}

/** Small enough, and without `$ref`: some clients resolve references wherever they stand, also in data. */
export function isSample(value: unknown, charsMax: number): boolean {
  const json = jsonOf(value)
  return json !== undefined && json.length <= charsMax && !mayName(json, '$ref')
}

/** Characters of its JSON. */
export function sizeOf(value: unknown): number {
  return jsonOf(value)?.length ?? Number.POSITIVE_INFINITY
}

/** What code generators write beside an enum says what its values mean. */
function enumText(value: JsonObject): string {
  const values = listAt(value, 'enum')
  const texts = listAt(value, 'x-enumDescriptions')
  const names = texts.length > 0 ? texts : listAt(value, 'x-enum-descriptions')
  if (values.length === 0 || names.length !== values.length) return ''
  return plainText(
    values.map((entry, index) => `${String(entry)}: ${String(names[index])}`).join('\n'),
    enumTextCharsMax,
  )
}
