/**
 * The one table of MCP methods, and the names of notifications and questions. Whoever treats methods differently asks for
 * a fact of the method here; nobody else compares names, and `test/tidy.test.ts` refuses them elsewhere.
 */
import type { ActionKind } from './action.ts'
import type { Era } from './call.ts'
import { skillsExtension, tasksExtension } from './extensions.ts'
import type { ItemKind } from './target.ts'

/** What a request is about: the member of `params` that names it, and what that names. */
export interface Subject {
  readonly member: 'name' | 'uri' | 'taskId' | 'ref'
  readonly kind: 'tool' | 'prompt' | 'resource' | 'task' | 'reference'
}

export interface ListFacts {
  readonly kind: ItemKind
  /** The member of the result that holds the definitions. */
  readonly member: string
  /** The member of a definition that names it. */
  readonly key: string
  /** What a server declares that has the list. */
  readonly capability: string
}

/** What the gateway does itself when a client asks for it. */
export type Duty = 'open' | 'discover' | 'listen' | 'watch' | 'unwatch' | 'level' | 'pong'

/** What the result of a server holds, as far as anybody looks into it. */
export type ResultShape = 'tool' | 'prompt' | 'contents' | 'values' | 'directory' | 'other'

interface Row {
  /** The eras whose clients have the method. */
  readonly eras: readonly Era[]
  readonly subject?: Subject
  readonly list?: ListFacts
  readonly duty?: Duty
  readonly result?: ResultShape
  /** `Mcp-Name` mirrors the subject (basic/transports; tasks extension, "Routing Headers"). */
  readonly isMirrored?: boolean
  /** The server may ask the caller before it answers, so the call takes arguments, answers and our state. */
  readonly asks?: boolean
  /** It may have been carried out, so it is not sent again without an answer. */
  readonly once?: boolean
  /** The extension that it belongs to, for callers of each era. */
  readonly extension?: Readonly<Record<Era, string | undefined>>
}

const both: readonly Era[] = ['legacy', 'modern']
const modern: readonly Era[] = ['modern']
const legacy: readonly Era[] = ['legacy']
const resource: Subject = { member: 'uri', kind: 'resource' }
const task: Subject = { member: 'taskId', kind: 'task' }
const skills = { legacy: skillsExtension, modern: skillsExtension }
/** Legacy clients have core tasks of 2025-11-25, which are no extension. */
const tasks = { legacy: undefined, modern: tasksExtension }

const table = {
  'tools/call': {
    eras: both,
    subject: { member: 'name', kind: 'tool' },
    result: 'tool',
    isMirrored: true,
    asks: true,
    once: true,
  },
  'prompts/get': {
    eras: both,
    subject: { member: 'name', kind: 'prompt' },
    result: 'prompt',
    isMirrored: true,
    asks: true,
  },
  'resources/read': {
    eras: both,
    subject: resource,
    result: 'contents',
    isMirrored: true,
    asks: true,
  },
  'completion/complete': {
    eras: both,
    subject: { member: 'ref', kind: 'reference' },
    result: 'values',
  },
  'tasks/get': { eras: both, subject: task, isMirrored: true, extension: tasks },
  'tasks/update': { eras: modern, subject: task, isMirrored: true, extension: tasks },
  'tasks/cancel': { eras: both, subject: task, isMirrored: true, extension: tasks },
  'tasks/result': { eras: legacy, subject: task, extension: tasks },
  'skills/get': { eras: both, subject: resource, extension: skills },
  'resources/directory/read': {
    eras: both,
    subject: resource,
    result: 'directory',
    extension: skills,
  },
  'tools/list': {
    eras: both,
    list: { kind: 'tool', member: 'tools', key: 'name', capability: 'tools' },
  },
  'prompts/list': {
    eras: both,
    list: { kind: 'prompt', member: 'prompts', key: 'name', capability: 'prompts' },
  },
  'resources/list': {
    eras: both,
    list: { kind: 'resource', member: 'resources', key: 'uri', capability: 'resources' },
  },
  'resources/templates/list': {
    eras: both,
    list: {
      kind: 'template',
      member: 'resourceTemplates',
      key: 'uriTemplate',
      capability: 'resources',
    },
  },
  'skills/list': {
    eras: both,
    list: { kind: 'skill', member: 'skills', key: 'uri', capability: skillsExtension },
    extension: skills,
  },
  'server/discover': { eras: modern, duty: 'discover' },
  'subscriptions/listen': { eras: modern, duty: 'listen' },
  initialize: { eras: legacy, duty: 'open' },
  'resources/subscribe': { eras: legacy, subject: resource, duty: 'watch' },
  'resources/unsubscribe': { eras: legacy, subject: resource, duty: 'unwatch' },
  'logging/setLevel': { eras: legacy, duty: 'level' },
  ping: { eras: legacy, duty: 'pong' },
} as const satisfies Record<string, Row>

type Table = typeof table
export type MethodName = keyof Table
/** The lists, answered from the catalog. */
export type ListMethod = {
  [Name in MethodName]: Table[Name] extends { readonly list: ListFacts } ? Name : never
}[MethodName]

/** The facts of one method; all of one form, since every call asks for them. */
export interface Method {
  readonly name: string
  /** What a request of it is to the rooms. */
  readonly action: ActionKind
  readonly eras: readonly Era[]
  /** What a server answers is authorized, limited and recorded as a call: it leaves an intent and an outcome. */
  readonly answeredBy: 'server' | 'catalog' | 'gateway'
  readonly subject: Subject | undefined
  readonly list: ListFacts | undefined
  readonly duty: Duty | undefined
  readonly result: ResultShape
  readonly isMirrored: boolean
  readonly asks: boolean
  readonly isRepeatable: boolean
  readonly extension: Readonly<Record<Era, string | undefined>> | undefined
  /** Members of `params` that have a place of their own in a Call; the rest is forwarded as it is. */
  readonly takes: ReadonlySet<string>
}

const takenByAsking: ReadonlySet<string> = new Set([
  '_meta',
  'name',
  'uri',
  'arguments',
  'inputResponses',
  'requestState',
])

function methodIn(name: string, row: Row): Method {
  const { eras, subject, list, duty, result = 'other', isMirrored = false, asks = false } = row
  // A reference stays among the params: only its name is another one at the server.
  const named = subject === undefined || subject.member === 'ref' ? [] : [subject.member]
  return {
    name,
    action: actionOf(row),
    eras,
    answeredBy: list !== undefined ? 'catalog' : duty !== undefined ? 'gateway' : 'server',
    subject,
    list,
    duty,
    result,
    isMirrored,
    asks,
    isRepeatable: row.once !== true,
    extension: row.extension,
    takes: asks ? takenByAsking : new Set(['_meta', ...named]),
  }
}

function actionOf({ subject, list, duty }: Row): ActionKind {
  if (list !== undefined) return 'list'
  if (duty !== undefined) return duty === 'listen' || duty === 'watch' ? 'listen' : 'other'
  if (subject === undefined) return 'other'
  return subject.kind === 'reference' ? 'completion' : subject.kind
}

/** Every method that we know, in the order of the documents. */
export const methods: ReadonlyMap<string, Method> = new Map(
  Object.entries(table).map(([name, row]) => [name, methodIn(name, row)]),
)

/** A method that we do not know: no client has it, unless the operator has it relayed; then the server answers. */
const unknown = methodIn('', { eras: [], once: true })

export function methodOf(name: string): Method {
  return methods.get(name) ?? unknown
}

/** The table's own text of a name: it is looked up many times in a call, and does not hold the message that it came in. */
export function ownNameOf(name: string): string {
  return methods.get(name)?.name ?? name
}

export function isListMethod(name: string): name is ListMethod {
  return methodOf(name).list !== undefined
}

export const listMethods: readonly ListMethod[] = [...methods.keys()].filter(isListMethod)

export function listFactsOf(name: ListMethod): ListFacts {
  return table[name].list
}

/** Whether the protocol or a known extension defines a method, or may: nobody can make it mean something else. */
export function isProtocolMethod(name: string): boolean {
  return protocolMethods.test(name)
}

const protocolMethods =
  /^(?:ping|initialize|(?:server|tools|prompts|resources|completion|logging|subscriptions|tasks|skills|notifications|sampling|elicitation|roots)\/.*)$/

/** Names of what the gateway asks for itself. */
export const names = {
  open: 'initialize',
  ping: 'ping',
  discover: 'server/discover',
  listen: 'subscriptions/listen',
  subscribe: 'resources/subscribe',
  unsubscribe: 'resources/unsubscribe',
  setLevel: 'logging/setLevel',
  listTools: 'tools/list',
  callTool: 'tools/call',
} as const satisfies Record<string, MethodName>

export const notifications = {
  initialized: 'notifications/initialized',
  cancelled: 'notifications/cancelled',
  progress: 'notifications/progress',
  message: 'notifications/message',
  acknowledged: 'notifications/subscriptions/acknowledged',
  resourceUpdated: 'notifications/resources/updated',
  taskChanged: 'notifications/tasks',
  urlVisited: 'notifications/elicitation/complete',
} as const
export type NotificationKind = keyof typeof notifications

const notificationKinds = kindsByName(notifications)

/** What a notification says; undefined for one that means nothing to the gateway. */
export function notificationKindOf(name: string): NotificationKind | undefined {
  return notificationKinds.get(name)
}

/** What says that a list changed, by the capability of the list. */
export const listChanged = {
  tools: 'notifications/tools/list_changed',
  prompts: 'notifications/prompts/list_changed',
  resources: 'notifications/resources/list_changed',
} as const

/** Also of lists of extensions, whatever they are. */
export function saysListChanged(name: string): boolean {
  return name.endsWith('/list_changed')
}

/** What a server may ask a client, by the capability that the client declares for it. */
export const questions = {
  elicitation: 'elicitation/create',
  sampling: 'sampling/createMessage',
  roots: 'roots/list',
} as const
export type QuestionKind = keyof typeof questions

const questionKinds = kindsByName(questions)

/** The capability that a question needs; undefined for what is no question. */
export function questionKindOf(name: string): QuestionKind | undefined {
  return questionKinds.get(name)
}

function kindsByName<Kind extends string>(
  nameOf: Readonly<Record<Kind, string>>,
): ReadonlyMap<string, Kind> {
  const kinds = new Map<string, Kind>()
  for (const kind in nameOf) kinds.set(nameOf[kind], kind)
  return kinds
}
