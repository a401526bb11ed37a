import { hash } from 'node:crypto'
import { isObjectText, JsonFault, scanObject, stringValue } from '../kit/json-scan.ts'
import type { HeaderParam, Item, ItemKind } from '../model/target.ts'

/** Reads `x-mcp-header` annotations; a string is the rule that they break. Given, since it belongs to the wire. */
export type ReadHeaderParams = (inputSchema: string | undefined) => readonly HeaderParam[] | string

/** Why the input schema of a tool is too large to be checked. Given, since it belongs to the guard. */
export type SchemaFault = (inputSchema: string) => string | undefined

/** What is not the catalog's to know about a definition. */
export interface ItemReaders {
  readonly headerParams: ReadHeaderParams
  readonly schemaFault: SchemaFault
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

/** An item of one raw definition, or the reason why it is left out of every list. */
function readItem(
  server: string,
  kind: ItemKind,
  raw: string,
  readers: ItemReaders,
): Item | { readonly name: string; readonly reason: string } {
  if (raw.length > definitionMax)
    return { name: '?', reason: `the definition is larger than ${definitionMax} bytes` }
  let members: ReturnType<typeof scanObject>
  try {
    members = scanObject(raw, {}, { depthMax: 256, refuseDuplicates: true })
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
    return member === undefined ? undefined : raw.slice(member.start, member.end)
  }
  const name = stringValue(find(nameKeys[kind]))
  if (name === undefined || name === '' || name.length > nameMax || !name.isWellFormed())
    return { name: '?', reason: `"${nameKeys[kind]}" is not a usable string` }
  const inputSchema = kind === 'tool' ? find('inputSchema') : undefined
  const headerParams = kind === 'tool' ? readers.headerParams(inputSchema) : []
  if (typeof headerParams === 'string') return { name, reason: headerParams }
  const wrapsOutput = kind === 'tool' && !isObjectSchema(find('outputSchema'))
  const fault = inputSchema === undefined ? undefined : readers.schemaFault(inputSchema)
  const shown = fault === undefined ? raw : withWarning(raw, members, fault)
  const digest = hash('sha256', shown, 'hex')
  return { kind, server, name, raw: shown, digest, inputSchema, wrapsOutput, headerParams }
}

/** A tool whose calls will be refused says so where a model reads it. */
function withWarning(raw: string, members: ReturnType<typeof scanObject>, fault: string): string {
  const warning = `Cannot be called through this gateway: its input schema cannot be checked, since ${fault}.`
  const given = members.find(({ key }) => key === 'description')
  if (given === undefined)
    return `{"description":${JSON.stringify(warning)}${members.length === 0 ? '' : ','}${raw.slice(raw.indexOf('{') + 1)}`
  const text = stringValue(raw.slice(given.start, given.end)) ?? ''
  return `${raw.slice(0, given.start)}${JSON.stringify(`${warning} ${text}`.trim())}${raw.slice(given.end)}`
}

/** Whether a schema says that its value is an object; a tool without one says nothing else. */
function isObjectSchema(raw: string | undefined): boolean {
  if (raw === undefined || !isObjectText(raw)) return true
  const type = scanObject(raw, {}, { depthMax: 256, refuseDuplicates: false }).find(
    (member) => member.key === 'type',
  )
  return type !== undefined && raw.slice(type.start, type.end) === '"object"'
}

/** Items of a whole list; a name that comes twice is kept once, the first time. */
export function readItems(
  server: string,
  kind: ItemKind,
  raws: readonly string[],
  readers: ItemReaders,
): { items: readonly Item[]; left: readonly { name: string; reason: string }[] } {
  const items = new Map<string, Item>()
  const left: { name: string; reason: string }[] = []
  for (const raw of raws) {
    const item = readItem(server, kind, raw, readers)
    if ('reason' in item) left.push(item)
    else if (items.has(item.name)) left.push({ name: item.name, reason: 'listed twice' })
    else items.set(item.name, item)
  }
  return { items: [...items.values()], left }
}
