import { hash } from 'node:crypto'
import { smugglesText, withoutHidden } from '../kit/hidden-text.ts'
import { isObjectText, JsonFault, scanObject, stringValue } from '../kit/json-scan.ts'
import type { Era } from '../model/call.ts'
import { type HeaderParam, type Item, type ItemKind, judgedMember } from '../model/target.ts'
import { mend } from './mend.ts'
import { editTexts } from './schema-text.ts'

/** Reads `x-mcp-header` annotations; a string is the rule that they break. Given, since it belongs to the wire. */
export type ReadHeaderParams = (inputSchema: string | undefined) => readonly HeaderParam[] | string

/** Why the input schema of a tool is too large to be checked. Given, since it belongs to the guard. */
export type SchemaFault = (inputSchema: string) => string | undefined

/** What is not the catalog's to know about a definition. */
export interface ItemReaders {
  readonly headerParams: ReadHeaderParams
  readonly schemaFault: SchemaFault
  /** Whether a definition may end with a schema by which its arguments are judged (`judgedMember`): our own may. */
  readonly takesJudged: boolean
}

const nameKeys: Readonly<Record<ItemKind, string>> = {
  tool: 'name',
  prompt: 'name',
  resource: 'uri',
  template: 'uriTemplate',
  skill: 'uri',
}
const definitionMax = 1_000_000
const nameMax = 4_096

/** A definition that is not as it should be, for operators. */
export interface Oddity {
  readonly kind: ItemKind
  readonly name: string
  readonly reason: string
}

/** Who listed the definitions, and how their schemas are read. */
export interface ItemSource {
  readonly server: string
  readonly era: Era
  readonly readers: ItemReaders
}

/** An item of one raw definition, or the reason why it is left out of every list. */
function readItem(
  { server, era, readers }: ItemSource,
  kind: ItemKind,
  sent: string,
  mendedBefore: Oddity[],
): Item | { readonly name: string; readonly reason: string } {
  if (sent.length > definitionMax)
    return { name: '?', reason: `the definition is larger than ${definitionMax} bytes` }
  let members: ReturnType<typeof scanObject>
  try {
    members = scanObject(sent, {}, { depthMax: 256, refuseDuplicates: true })
  } catch (fault) {
    return {
      name: '?',
      reason:
        fault instanceof JsonFault && fault.kind === 'duplicate'
          ? 'the definition has a key twice'
          : 'the definition is malformed or too deep',
    }
  }
  const find = (key: string): string | undefined => {
    const member = members.find((candidate) => candidate.key === key)
    return member === undefined ? undefined : sent.slice(member.start, member.end)
  }
  const name = stringValue(find(nameKeys[kind]))
  if (name === undefined || name === '' || name.length > nameMax || !name.isWellFormed())
    return { name: '?', reason: `"${nameKeys[kind]}" is not a usable string` }
  if (withoutHidden(name) !== name)
    return { name, reason: `"${nameKeys[kind]}" has invisible characters` }
  const [listed, judged] = readers.takesJudged ? withoutJudged(sent, members) : [sent, undefined]
  const mended = mend(kind, listed, era)
  if (typeof mended === 'string') return { name, reason: mended }
  const raw = seenTexts(kind, mended.raw)
  if (smugglesText(raw) || (judged !== undefined && smugglesText(judged)))
    return {
      name,
      reason: 'a name or value in it has tag characters or turns the direction of text',
    }
  const notes =
    raw === mended.raw
      ? mended.notes
      : [...mended.notes, 'invisible characters were taken out of its texts']
  const schemas = kind === 'tool' ? schemasOf(raw) : noSchemas
  const headerParams = kind === 'tool' ? readers.headerParams(schemas.inputSchema) : []
  if (typeof headerParams === 'string') return { name, reason: headerParams }
  for (const reason of notes)
    if (mendedBefore.length < odditiesMax) mendedBefore.push({ kind, name, reason })
  const wrapsOutput = kind === 'tool' && !isObjectSchema(schemas.outputSchema)
  // A whole schema that is too large to be checked leaves what is shown to judge.
  const whole = judged !== undefined && readers.schemaFault(judged) === undefined
  const inputSchema = whole ? judged : schemas.inputSchema
  const fault = inputSchema === undefined ? undefined : readers.schemaFault(inputSchema)
  const shown = fault === undefined ? raw : withWarning(raw, fault)
  const digest = hash('sha256', whole ? `${shown}${judged}` : shown, 'hex')
  return { kind, server, name, raw: shown, digest, inputSchema, wrapsOutput, headerParams }
}

/** A definition whose texts for people and models are what they look like; names and values that go to the server stay. */
function seenTexts(kind: ItemKind, raw: string): string {
  if (withoutHidden(raw) === raw && !raw.includes('\\u')) return raw
  const isShown = (key: string): boolean =>
    key === 'title' ||
    key === 'description' ||
    (key === 'name' && kind !== 'tool' && kind !== 'prompt')
  return editTexts(raw, (key, value) => (isShown(key) ? withoutHidden(value) : value))
}

/** A definition as it is shown, and the schema that judges its arguments instead, if it brings one. */
function withoutJudged(
  sent: string,
  members: ReturnType<typeof scanObject>,
): readonly [string, string | undefined] {
  const last = members.at(-1)
  if (last === undefined) return [sent, undefined]
  const from = last.start - judgedMember.length
  if (sent.slice(from, last.start) !== judgedMember || sent.slice(last.end) !== '}')
    return [sent, undefined]
  return [`${sent.slice(0, from)}}`, sent.slice(last.start, last.end)]
}

/** A tool whose calls will be refused says so where a model reads it. */
function withWarning(raw: string, fault: string): string {
  const members = scanObject(raw, {}, { depthMax: 256, refuseDuplicates: false })
  const warning = `Cannot be called through this gateway: its input schema cannot be checked, since ${fault}.`
  const given = members.find(({ key }) => key === 'description')
  if (given === undefined)
    return `{"description":${JSON.stringify(warning)}${members.length === 0 ? '' : ','}${raw.slice(raw.indexOf('{') + 1)}`
  const text = stringValue(raw.slice(given.start, given.end)) ?? ''
  return `${raw.slice(0, given.start)}${JSON.stringify(`${warning} ${text}`.trim())}${raw.slice(given.end)}`
}

/** Of one server; more say nothing new. */
const odditiesMax = 200
const noSchemas = { inputSchema: undefined, outputSchema: undefined }

function schemasOf(
  raw: string,
): Readonly<Record<'inputSchema' | 'outputSchema', string | undefined>> {
  const members = scanObject(raw, {}, { depthMax: 256, refuseDuplicates: false })
  const find = (key: string): string | undefined => {
    const member = members.find((candidate) => candidate.key === key)
    return member === undefined ? undefined : raw.slice(member.start, member.end)
  }
  return { inputSchema: find('inputSchema'), outputSchema: find('outputSchema') }
}

/** Whether a schema says that its value is an object; a tool without one says nothing else. */
function isObjectSchema(raw: string | undefined): boolean {
  if (raw === undefined || !isObjectText(raw)) return true
  const type = scanObject(raw, {}, { depthMax: 256, refuseDuplicates: false }).find(
    (member) => member.key === 'type',
  )
  return type !== undefined && raw.slice(type.start, type.end) === '"object"'
}

/** What a whole list comes to. */
export interface ReadItems {
  readonly items: readonly Item[]
  /** Not offered, and why. */
  readonly left: readonly Oddity[]
  /** Offered otherwise than the server listed them, and how. */
  readonly mended: readonly Oddity[]
}

/** Items of a whole list; a name that comes twice is kept once, the first time. */
export function readItems(source: ItemSource, kind: ItemKind, raws: readonly string[]): ReadItems {
  const items = new Map<string, Item>()
  const left: Oddity[] = []
  const mended: Oddity[] = []
  const leave = (name: string, reason: string): void => {
    if (left.length < odditiesMax) left.push({ kind, name, reason })
  }
  for (const raw of raws) {
    const item = readItem(source, kind, raw, mended)
    if ('reason' in item) leave(item.name, item.reason)
    else if (items.has(item.name)) leave(item.name, 'listed twice')
    else items.set(item.name, item)
  }
  return { items: [...items.values()], left, mended }
}
