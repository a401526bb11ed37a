// What tests of several nodes do again and again: a session or a question of one node, used at another.
import { readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Entry } from '../../src/model/record.ts'
import { readJournal } from '../../src/record/read.ts'
import { eventually, LegacyClient, legacySession, modernCall, type Reply } from './client.ts'
import type { TestGateway } from './gateway.ts'
import { dig, digText } from './json.ts'

export const codeOf = (reply: Reply): unknown => dig(reply.message, 'error', 'data', 'code')
export const textOf = (reply: Reply): string =>
  digText(reply.message, 'result', 'content', 0, 'text')

export const begun = (
  home: TestGateway,
  key: string,
  capabilities: object = {},
): Promise<LegacyClient> => legacySession(home.server('legacy'), key, { capabilities })

/** The same session, spoken to at another node. */
export function used(session: LegacyClient, node: TestGateway, by = session.key): LegacyClient {
  return new LegacyClient(node.server('legacy'), by, session.opening)
}

/** Resolves when sessions of `home` can be used at `at`. */
export async function acquainted(home: TestGateway, at: TestGateway, key: string): Promise<void> {
  await eventually(async () => {
    const reply = await used(await begun(home, key), at).request('ping')
    return reply.status === 200
  })
}

export async function entriesOf(node: TestGateway): Promise<readonly Entry[]> {
  const entries: Entry[] = []
  const onFault = (error: Error): void => {
    throw error
  }
  for await (const { entry } of readJournal(join(node.dataDir, 'journal'), { onFault }))
    entries.push(entry)
  return entries
}

/** The kinds of the entries that a node wrote of a tool. */
export async function written(node: TestGateway, name: string): Promise<readonly string[]> {
  return (await entriesOf(node)).flatMap((entry) =>
    'name' in entry && entry.name === name ? [entry.kind] : [],
  )
}

export interface Asking {
  readonly tool?: string
  readonly args?: object
  readonly era?: 'legacy' | 'modern'
  /** Of `answering`. */
  readonly answer?: object
}

/** A call of a modern client at a node, of a tool that asks the user. */
export function ask(node: TestGateway, key: string, asking: Asking = {}): Promise<Reply> {
  const { tool = 'test_elicitation', args = { message: 'hello' }, era = 'legacy' } = asking
  return modernCall(node.server(era), key, 'tools/call', {
    name: tool,
    arguments: args,
    _meta: { 'io.modelcontextprotocol/clientCapabilities': { elicitation: {} } },
    ...asking.answer,
  })
}

/** The members that answer the first question of a call. */
export function answering(reply: Reply, content: object): object {
  const requestState = digText(reply.message, 'result', 'requestState')
  const [question = ''] = Object.keys(Object(dig(reply.message, 'result', 'inputRequests')))
  return { requestState, inputResponses: { [question]: { action: 'accept', content } } }
}

/** Open connections from one node to another; Linux only. */
export async function connections(from: TestGateway, to: TestGateway): Promise<number> {
  const port = Number(new URL(to.url).port).toString(16).toUpperCase().padStart(4, '0')
  const folder = `/proc/${from.pid}/fd`
  const links = (await readdir(folder)).map((fd) => readlink(join(folder, fd)).catch(() => ''))
  const own = new Set(await Promise.all(links))
  const rows = (await readFile('/proc/net/tcp', 'utf8'))
    .split('\n')
    .map((row) => row.trim().split(/\s+/))
  return rows.filter(
    ([, , remote, state, , , , , , inode]) =>
      remote?.endsWith(`:${port}`) === true && state === '01' && own.has(`socket:[${inode}]`),
  ).length
}
