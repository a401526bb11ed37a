// A gateway before two servers that ask, and clients of both eras that a test can let fail.
import { join } from 'node:path'
import { readJournal } from '../../src/record/read.ts'
import {
  eventually,
  type Feed,
  type LegacyClient,
  legacySession,
  modernCall,
  modernMeta,
  openFeed,
  type Params,
  type Reply,
} from '../e2e/client.ts'
import { everything, startGateway, type TestGateway } from '../e2e/gateway.ts'
import { dig, digText } from '../e2e/json.ts'
import { type AskingServer, type Era, startAskingServer } from './asking-server.ts'

export const askable = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} }
export const yes = { action: 'accept', content: {} }
export const eras = ['legacy', 'modern'] as const

type Message = { readonly message: unknown }

export const code = (reply: Message): unknown => dig(reply.message, 'error', 'data', 'code')
export const textOf = (reply: Message): unknown =>
  dig(reply.message, 'result', 'content', 0, 'text')

/** What a modern client sends back to questions. */
export function answers(
  reply: Reply,
  answer: unknown = yes,
): { readonly inputResponses: Params; readonly requestState: string } {
  const asked = dig(reply.message, 'result', 'inputRequests') ?? {}
  const inputResponses = Object.fromEntries(Object.keys(asked).map((k) => [k, answer]))
  return { inputResponses, requestState: digText(reply.message, 'result', 'requestState') }
}

/** A call of a legacy client that is under way. */
export interface Asked {
  readonly client: LegacyClient
  readonly feed: Feed
  /** The n-th question, once it came. */
  question(n?: number): Promise<unknown>
  reply(question: unknown, result: unknown): Promise<Response>
  end(): Promise<Message>
}

export class AskingWorld {
  readonly gateway: TestGateway
  readonly servers: Record<Era, AskingServer>

  constructor(gateway: TestGateway, servers: Record<Era, AskingServer>) {
    this.gateway = gateway
    this.servers = servers
  }

  /** A tool call of a modern client that may be asked everything, first round or a later one. */
  tool(
    server: Era,
    name: string,
    args: Params,
    more: Params = {},
    key = this.gateway.key,
  ): Promise<Reply> {
    const params = { name, arguments: args, _meta: modernMeta(askable), ...more }
    return modernCall(this.gateway.server(server), key, 'tools/call', params)
  }

  async legacyCall(server: Era, name: string, args: Params): Promise<Asked> {
    const url = this.gateway.server(server)
    const client = await legacySession(url, this.gateway.key, { capabilities: askable })
    const params = { name, arguments: args }
    const body = JSON.stringify({ jsonrpc: '2.0', id: 'call', method: 'tools/call', params })
    const accept = 'application/json, text/event-stream'
    const headers = { ...client.headers, accept, 'content-type': 'application/json' }
    const feed = await openFeed(client.url, { method: 'POST', headers, body })
    const questions = () => feed.messages.filter((message) => dig(message, 'method') !== undefined)
    return {
      client,
      feed,
      question: (n = 0) => eventually(async () => questions()[n]),
      reply: (question, result) =>
        client.post(JSON.stringify({ jsonrpc: '2.0', id: dig(question, 'id'), result })),
      end: async () => ({
        message: await eventually(async () =>
          feed.messages.find((message) => dig(message, 'id') === 'call'),
        ),
      }),
    }
  }

  /** How calls ended since then, in the journal. */
  async outcomes(since: number): Promise<readonly string[]> {
    const found: string[] = []
    const folder = join(this.gateway.dataDir, 'journal')
    for await (const { entry } of readJournal(folder, { onFault: () => undefined })) {
      if (entry.kind === 'outcome' && entry.at >= since)
        found.push(`${entry.status} ${entry.code}`.trim())
      if (entry.kind === 'refusal' && entry.at >= since) found.push(`refused ${entry.code}`)
    }
    return found
  }

  /** Ends a server with all that it holds open, and starts it again at its place. */
  async restart(era: Era): Promise<void> {
    const { port } = this.servers[era]
    await this.servers[era].stop()
    this.servers[era] = await startAskingServer(era, port)
  }

  async stop(): Promise<void> {
    await this.gateway.stop()
    for (const era of eras) await this.servers[era].stop()
  }
}

export async function startAskingWorld(
  env: Readonly<Record<string, string>> = {},
): Promise<AskingWorld> {
  const servers = {
    legacy: await startAskingServer('legacy'),
    modern: await startAskingServer('modern'),
  }
  const gateway = await startGateway({
    config: {
      servers: {
        legacy: { http: { url: servers.legacy.url }, era: 'legacy' },
        modern: { http: { url: servers.modern.url }, era: 'modern' },
      },
    },
    keys: { first: everything, other: everything },
    env,
  })
  const world = new AskingWorld(gateway, servers)
  for (const era of eras) await eventually(async () => servers[era].streams() > 0)
  return world
}
