/** What a server says of itself, read once where it arrives. Whoever wants to know something asks for a fact; nobody looks into the text again. */
import { type JsonMember, scanObject } from '../kit/json-scan.ts'
import type { Era, Revision } from './call.ts'
import { extensionsIn } from './extensions.ts'

/** What a server declares that it has. */
export interface Declared {
  /** The object as the server wrote it, to be kept with its lists. */
  readonly raw: string
  /** Names of capabilities and extensions; `null` and `false` name what is not there. */
  readonly names: ReadonlySet<string>
  /** What is `true` inside each capability that is an object. */
  readonly flags: ReadonlyMap<string, ReadonlySet<string>>
  /** Identifier to raw settings. */
  readonly extensions: ReadonlyMap<string, string>
  /** Core tasks (MCP 2025-11-25 basic/utilities/tasks), as far as they are relayed. */
  readonly tasks: { readonly ofTools: boolean; readonly cancel: boolean }
}

export interface Facts {
  readonly era: Era
  readonly revision: Revision
  readonly declared: Declared
  /** Raw `serverInfo`; self-reported, and nobody decides by it. */
  readonly serverInfo: string
  readonly instructions: string | undefined
  /** What is wrong although calls go on, for operators. */
  readonly trouble?: string
}

// Whoever gives these scanned the whole answer with the same depth before.
const options = { depthMax: 512, refuseDuplicates: false }
const collect = { '*': {}, tasks: { requests: { tools: {} } } }

/** What a raw `capabilities` object declares. @throws JsonFault for what is no object */
export function declaredIn(raw: string): Declared {
  const names = new Set<string>()
  const flags = new Map<string, ReadonlySet<string>>()
  const members = scanObject(raw, collect, options)
  const textOf = (member: JsonMember): string => raw.slice(member.start, member.end)
  for (const member of members) {
    const value = textOf(member)
    if (value !== 'null' && value !== 'false') names.add(member.key)
    if (member.members === undefined) continue
    if (member.key === 'extensions') for (const { key } of member.members) names.add(key)
    else
      flags.set(
        member.key,
        new Set(member.members.filter((flag) => textOf(flag) === 'true').map(({ key }) => key)),
      )
  }
  const tasks = within(members, 'tasks')
  const tools = within(within(tasks, 'requests'), 'tools')
  return {
    raw,
    names,
    flags,
    extensions: extensionsIn(raw, members),
    tasks: { ofTools: has(tools, 'call'), cancel: has(tasks, 'cancel') },
  }
}

type Members = readonly JsonMember[] | undefined

const within = (members: Members, key: string): Members =>
  members?.find((member) => member.key === key)?.members

const has = (members: Members, key: string): boolean =>
  members?.some((member) => member.key === key) === true

/** The same without a flag of a capability, for what the server turned out not to do. */
export function withoutFlag(declared: Declared, capability: string, flag: string): Declared {
  if (declared.flags.get(capability)?.has(flag) !== true) return declared
  const { raw } = declared
  const found = within(scanObject(raw, { [capability]: {} }, options), capability)
  const at = found?.find((member) => member.key === flag)
  return at === undefined
    ? declared
    : declaredIn(`${raw.slice(0, at.start)}false${raw.slice(at.end)}`)
}
