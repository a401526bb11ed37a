/**
 * `format` is an annotation (JSON Schema 2020-12 validation 7.2.1), so no value is refused because of it. When an API
 * refuses a call, an argument that has another form than its schema names is likely why, and the model is told so.
 */

import { fullFormats } from 'ajv-formats/dist/formats.js'
import { scanObject } from '../../kit/json-scan.ts'
import { mayName } from '../../kit/may-name.ts'

/** Formats whose test is linear in the text. */
const told = [
  ...['date', 'time', 'date-time', 'duration', 'uri', 'uri-reference', 'email', 'hostname'],
  ...['ipv4', 'ipv6', 'uuid'],
] as const
const examples: Readonly<Record<string, string>> = {
  date: '2026-01-31',
  time: '10:30:00Z',
  'date-time': '2026-01-31T10:30:00Z',
  duration: 'PT1H30M',
}
const argumentsCharsMax = 65_536
const hintsMax = 3
const depthMax = 16

/** Sentences on arguments that have another form than the schema of the tool names; at most three. */
export function formatHints(inputSchema: string | undefined, args: string): readonly string[] {
  if (inputSchema === undefined || args.length > argumentsCharsMax) return []
  if (!mayName(inputSchema, 'format')) return []
  const hints: string[] = []
  look(JSON.parse(inputSchema), JSON.parse(args), '', hints)
  return hints
}

function look(schema: unknown, value: unknown, place: string, hints: string[]): void {
  if (!isObject(schema) || hints.length >= hintsMax || place.split('/').length > depthMax) return
  const { format, properties, items } = schema
  if (typeof value === 'string' && typeof format === 'string' && !hasForm(format, value)) {
    const example = examples[format]
    hints.push(
      `The argument ${place} is not of the format "${format}" that the description names${example === undefined ? '' : `, e.g. ${example}`}.`,
    )
  }
  if (Array.isArray(value))
    for (const [index, entry] of value.slice(0, 100).entries())
      look(items, entry, `${place}/${index}`, hints)
  else if (isObject(value) && isObject(properties))
    for (const [name, entry] of Object.entries(value))
      if (Object.hasOwn(properties, name)) look(properties[name], entry, `${place}/${name}`, hints)
}

function hasForm(name: string, text: string): boolean {
  const known = told.find((format) => format === name)
  const format: unknown = known === undefined ? undefined : fullFormats[known]
  const test: unknown = isObject(format) && 'validate' in format ? format['validate'] : format
  if (test instanceof RegExp) return test.test(text)
  return typeof test === 'function' ? Boolean(test(text)) : true
}

/** A result with further texts at the end of its content; its own bytes stay as they are. */
export function withTexts(result: Buffer, texts: readonly string[]): Buffer {
  const raw = result.toString('utf8')
  const content = scanObject(raw, {}, { depthMax: 520, refuseDuplicates: false }).find(
    ({ key }) => key === 'content',
  )
  if (texts.length === 0 || content === undefined) return result
  const isEmpty = raw.slice(content.start + 1, content.end - 1).trim() === ''
  const blocks = texts.map((text) => JSON.stringify({ type: 'text', text })).join(',')
  return Buffer.from(
    `${raw.slice(0, content.end - 1)}${isEmpty ? '' : ','}${blocks}${raw.slice(content.end - 1)}`,
  )
}

function isObject(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === 'object' && value !== null && !(value instanceof RegExp)
}
