// Conversations with a tool that asks for a name in the middle of its call, by clients of both eras.
import { bearer, eventually, legacySession, modernCall, openFeed } from './client.ts'
import { dig, digText } from './json.ts'

const capabilities = { elicitation: { form: {} } }
const given = { action: 'accept', content: { name: 'Ann', age: 7 } }

export const textOf = (message: unknown): string => digText(message, 'result', 'content', 0, 'text')

/** What a legacy client hears from a tool after it was asked, if it was. */
export async function askedLegacy(url: string, key: string, name: string): Promise<string> {
  const session = await legacySession(url, key, { capabilities })
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 'call',
    method: 'tools/call',
    params: { name, arguments: {} },
  })
  const feed = await openFeed(url, {
    method: 'POST',
    body,
    headers: {
      ...bearer(key),
      'mcp-session-id': session.id,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
  })
  const isEnd = (message: unknown): boolean => dig(message, 'id') === 'call'
  const isQuestion = (message: unknown): boolean => dig(message, 'method') === 'elicitation/create'
  const first = await eventually(async () =>
    feed.messages.find((message) => isQuestion(message) || isEnd(message)),
  )
  if (isQuestion(first))
    await session.post(JSON.stringify({ jsonrpc: '2.0', id: dig(first, 'id'), result: given }))
  return textOf(await feed.until(isEnd))
}

/** The same of a modern client. */
export async function askedModern(url: string, key: string, name: string): Promise<string> {
  const meta = { 'io.modelcontextprotocol/clientCapabilities': capabilities }
  const params = { name, arguments: {}, _meta: meta }
  const { message } = await modernCall(url, key, 'tools/call', params)
  const requests = dig(message, 'result', 'inputRequests')
  if (typeof requests !== 'object' || requests === null) return textOf(message)
  const inputResponses = Object.fromEntries(
    Object.keys(requests).map((question) => [question, given]),
  )
  const requestState = dig(message, 'result', 'requestState')
  const again = { ...params, inputResponses, requestState }
  return textOf((await modernCall(url, key, 'tools/call', again)).message)
}
