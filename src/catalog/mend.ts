/**
 * Makes definitions of servers such that no client refuses the list in which they stand: clients check whole lists, so one
 * wrong member would take the tools of every server along. What is optional and wrong is left out, what is required and can
 * be filled is; everything else keeps its bytes. The judges are the parsers of the official SDKs (test/interop/mend.test.ts).
 */

import {
  isObjectText,
  type JsonMember,
  scanArray,
  scanObject,
  stringValue,
} from '../kit/json-scan.ts'
import { mayName } from '../kit/may-name.ts'
import type { Era } from '../model/call.ts'
import type { ItemKind } from '../model/target.ts'
import { schemaFault } from './schema-fault.ts'
import { editTexts } from './schema-text.ts'

/** What a value must be. Members of an object that are not named may be anything, and all are optional. */
type Shape =
  | { readonly is: 'fits'; readonly fits: (raw: string) => boolean; readonly what: string }
  | {
      readonly is: 'object'
      readonly members: Readonly<Record<string, Shape>>
      readonly needs: readonly string[]
    }
  | { readonly is: 'list'; readonly of: Shape }

const options = { depthMax: 256, refuseDuplicates: false }
const elementsMax = 100_000

const fits = (what: string, test: (raw: string) => boolean): Shape => ({
  is: 'fits',
  fits: test,
  what,
})
const object = (
  members: Readonly<Record<string, Shape>>,
  needs: readonly string[] = [],
): Shape => ({
  is: 'object',
  members,
  needs,
})
const oneOf = (...words: string[]): Shape =>
  fits(`one of ${words.join(', ')}`, (raw) => words.includes(stringValue(raw) ?? ''))

const text = fits('a string', (raw) => raw.startsWith('"'))
const flag = fits('true or false', (raw) => raw === 'true' || raw === 'false')
const number = fits('a number', (raw) => /^[-\d]/.test(raw) && Number.isFinite(Number(raw)))
const share = fits(
  'a number from 0 to 1',
  (raw) => /^[-\d]/.test(raw) && Number(raw) >= 0 && Number(raw) <= 1,
)
const anyObject = object({})
/** ISO 8601 with a zone, as the SDKs take it. */
const time = fits('a time such as 2026-01-31T12:00:00Z', (raw) => {
  const value = stringValue(raw) ?? ''
  return (
    /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/.test(
      value,
    ) && isDay(value)
  )
})

function isDay(value: string): boolean {
  const day = value.slice(0, 10)
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day)
}

const icons: Shape = {
  is: 'list',
  of: object(
    {
      src: text,
      mimeType: text,
      sizes: { is: 'list', of: text },
      theme: oneOf('light', 'dark'),
    },
    ['src'],
  ),
}
const common = { title: text, description: text, icons, _meta: anyObject }
const annotations = object({
  audience: { is: 'list', of: oneOf('user', 'assistant') },
  priority: share,
  lastModified: time,
})

const shapes: Readonly<Record<ItemKind, Readonly<Record<string, Shape>>>> = {
  tool: {
    ...common,
    annotations: object({
      title: text,
      readOnlyHint: flag,
      destructiveHint: flag,
      idempotentHint: flag,
      openWorldHint: flag,
    }),
    execution: object({ taskSupport: oneOf('required', 'optional', 'forbidden') }),
  },
  prompt: {
    ...common,
    arguments: {
      is: 'list',
      of: object({ name: text, title: text, description: text, required: flag }, ['name']),
    },
  },
  resource: { ...common, mimeType: text, size: number, annotations },
  template: { ...common, mimeType: text, annotations },
  skill: { title: text, description: text, _meta: anyObject },
}

export interface Mended {
  readonly raw: string
  /** What was left out or filled, in words. */
  readonly notes: readonly string[]
}

const notesMax = 16

/**
 * A definition that all clients take. `raw` is a valid JSON object.
 * @returns the reason as a text when it cannot be one
 */
export function mend(kind: ItemKind, raw: string, era: Era): Mended | string {
  const notes: string[] = []
  const note = (text: string): void => {
    if (notes.length < notesMax) notes.push(text)
  }
  const parts: string[] = []
  let changed = false
  const members = scanObject(raw, {}, options)
  const memberText = (key: string): string | undefined => {
    const member = members.find((candidate) => candidate.key === key)
    return member === undefined ? undefined : raw.slice(member.start, member.end)
  }
  const put = (member: JsonMember, value: string | undefined): void => {
    const before = raw.slice(member.start, member.end)
    if (value === before) parts.push(raw.slice(member.keyStart, member.end))
    else {
      changed = true
      if (value !== undefined) parts.push(`${JSON.stringify(member.key)}:${value}`)
    }
  }
  for (const member of members) {
    const value = raw.slice(member.start, member.end)
    const shape = Object.hasOwn(shapes[kind], member.key) ? shapes[kind][member.key] : undefined
    if (kind === 'tool' && member.key === 'inputSchema') {
      const schema = objectSchema(value, 'inputSchema', note)
      if (schema === undefined) return 'its inputSchema is of no object'
      put(member, schema)
    } else if (kind === 'tool' && member.key === 'outputSchema')
      put(member, outputSchema(value, era, note))
    else put(member, shape === undefined ? value : mended(shape, value, member.key, note))
  }
  if (kind === 'tool' && memberText('inputSchema') === undefined) {
    changed = true
    note('inputSchema is missing and taken as {"type":"object"}')
    parts.push('"inputSchema":{"type":"object"}')
  }
  if (kind === 'resource' || kind === 'template') {
    const name = memberText('name')
    if (name?.startsWith('"') !== true) {
      const index = members.findIndex((member) => member.key === 'name')
      changed = true
      note('name is no string; the URI stands for it')
      const own = memberText(kind === 'resource' ? 'uri' : 'uriTemplate') ?? '""'
      if (index >= 0)
        parts.splice(
          parts.findIndex((part) => part.startsWith('"name"')),
          1,
        )
      parts.push(`"name":${own}`)
    }
  }
  return changed ? { raw: `{${parts.join(',')}}`, notes } : { raw, notes }
}

/** A value that fits; undefined when it is to be left out. */
function mended(
  shape: Shape,
  raw: string,
  path: string,
  note: (text: string) => void,
): string | undefined {
  if (shape.is === 'fits') {
    if (shape.fits(raw)) return raw
    note(`${path} is not ${shape.what} and is left out`)
    return undefined
  }
  if (shape.is === 'list') {
    if (!raw.startsWith('[')) {
      note(`${path} is no list and is left out`)
      return undefined
    }
    const elements = scanArray(raw, elementsMax, options).map((span) =>
      raw.slice(span.start, span.end),
    )
    const kept = elements.map((element, index) =>
      mended(shape.of, element, `${path}/${index}`, note),
    )
    return kept.every((element, index) => element === elements[index])
      ? raw
      : `[${kept.filter((element) => element !== undefined).join(',')}]`
  }
  if (!isObjectText(raw)) {
    note(`${path} is no object and is left out`)
    return undefined
  }
  let changed = false
  const parts: string[] = []
  const have = new Set<string>()
  for (const member of scanObject(raw, {}, options)) {
    const value = raw.slice(member.start, member.end)
    const inner = Object.hasOwn(shape.members, member.key) ? shape.members[member.key] : undefined
    const kept = inner === undefined ? value : mended(inner, value, `${path}/${member.key}`, note)
    if (kept === value) parts.push(raw.slice(member.keyStart, member.end))
    else {
      changed = true
      if (kept !== undefined) parts.push(`${JSON.stringify(member.key)}:${kept}`)
    }
    if (kept !== undefined) have.add(member.key)
  }
  const missing = shape.needs.find((key) => !have.has(key))
  if (missing !== undefined) {
    note(`${path} has no ${missing} and is left out`)
    return undefined
  }
  return changed ? `{${parts.join(',')}}` : raw
}

/** A schema of an object as every revision takes it; undefined for one that is of something else. */
function objectSchema(raw: string, path: string, note: (text: string) => void): string | undefined {
  if (!isObjectText(raw)) {
    if (raw !== 'null' && raw !== 'true') return undefined
    note(`${path} is ${raw} and taken as {"type":"object"}`)
    return '{"type":"object"}'
  }
  const parts: string[] = []
  let changed = false
  let typed = false
  for (const member of scanObject(raw, {}, options)) {
    const value = raw.slice(member.start, member.end)
    let kept: string | undefined = value
    if (member.key === 'type') {
      typed = true
      if (value !== '"object"') {
        if (!namesObject(value)) return undefined
        note(`${path}/type is ${value.slice(0, 60)} and taken as "object"`)
        kept = '"object"'
      }
    } else if (member.key === 'properties') kept = properties(value, `${path}/properties`, note)
    else if (member.key === 'required')
      kept = mended({ is: 'list', of: text }, value, `${path}/required`, note)
    else if (member.key === '$schema') kept = mended(text, value, `${path}/$schema`, note)
    if (kept === value) parts.push(raw.slice(member.keyStart, member.end))
    else {
      changed = true
      if (kept !== undefined) parts.push(`${JSON.stringify(member.key)}:${kept}`)
    }
  }
  if (!typed) {
    changed = true
    note(`${path} has no type and is taken as that of an object`)
    parts.unshift('"type":"object"')
  }
  return changed ? `{${parts.join(',')}}` : raw
}

/** `null`, or a list of types with that of an object in it. */
function namesObject(raw: string): boolean {
  if (raw === 'null') return true
  if (!raw.startsWith('[')) return false
  return scanArray(raw, elementsMax, options).some(
    (span) => raw.slice(span.start, span.end) === '"object"',
  )
}

/** Schemas by name: those that say nothing as the empty object, which older clients take. */
function properties(raw: string, path: string, note: (text: string) => void): string | undefined {
  if (!isObjectText(raw)) {
    note(`${path} is no object and is left out`)
    return undefined
  }
  let changed = false
  const parts: string[] = []
  for (const member of scanObject(raw, {}, options)) {
    const value = raw.slice(member.start, member.end)
    if (isObjectText(value)) {
      parts.push(raw.slice(member.keyStart, member.end))
      continue
    }
    changed = true
    if (value === 'true') parts.push(`${JSON.stringify(member.key)}:{}`)
    else if (value === 'false') parts.push(`${JSON.stringify(member.key)}:{"not":{}}`)
    else note(`${path}/${member.key} is no schema and is left out`)
  }
  return changed ? `{${parts.join(',')}}` : raw
}

/** An output schema that clients can compile; undefined: results say what they are without one. */
function outputSchema(sent: string, era: Era, note: (text: string) => void): string | undefined {
  if (!isObjectText(sent)) {
    note('outputSchema is no object and is left out')
    return undefined
  }
  const fault = schemaFault(sent)
  if (fault !== undefined) {
    note(`outputSchema is left out: ${fault}`)
    return undefined
  }
  // Clients keep schemas of all servers by their names, of which nothing else makes use here.
  const raw =
    mayName(sent, '$id') || mayName(sent, '$anchor') ? editTexts(sent, withoutNames) : sent
  // A modern one may be of anything: it is wrapped for legacy callers (list.ts).
  if (era === 'modern' && !saysObject(raw))
    return mended(object({ $schema: text }), raw, 'outputSchema', note)
  const schema = objectSchema(raw, 'outputSchema', note)
  if (schema === undefined) note('outputSchema is of no object and is left out')
  return schema
}

function withoutNames(key: string, value: string): string | undefined {
  return key === '$id' || key === '$anchor' ? undefined : value
}

function saysObject(raw: string): boolean {
  return scanObject(raw, {}, options).some(
    (member) => member.key === 'type' && raw.slice(member.start, member.end) === '"object"',
  )
}
