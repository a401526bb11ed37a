/** APIs with descriptions of a test's own behind one gateway, and a server that writes down what reaches it. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { ServerSpecInput } from '../../src/model/desired-state.ts'
import { serve } from '../kinds/rest-server.ts'
import { eventually, modernCall, modernTool } from './client.ts'
import { everything, startGateway } from './gateway.ts'
import { dig } from './json.ts'

export interface Seen {
  /** Method and target as they were sent. */
  readonly line: string
  readonly type: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly bytes: Buffer
}

export interface Described {
  /** Text of the description; `ORIGIN` in it becomes the address of the recorder, `HOST` its host. */
  readonly spec: string
  readonly extension?: string
  /** Further files beside it. */
  readonly files?: Readonly<Record<string, string>>
  /** Members of the entry beside `openapi`, and of `openapi`. */
  readonly entry?: Omit<ServerSpecInput, 'openapi'>
  readonly openapi?: Omit<NonNullable<ServerSpecInput['openapi']>, 'spec'>
}

export interface Called {
  /** Undefined when nothing was sent. */
  readonly seen: Seen | undefined
  readonly text: string
  readonly isError: boolean
}

export interface Tool {
  readonly name: string
  readonly description: string
  readonly inputSchema: { readonly [keyword: string]: unknown }
  readonly outputSchema: unknown
  readonly annotations: unknown
}

export interface RestRecorder {
  readonly origin: string
  call(server: string, tool: string, args: object | string): Promise<Called>
  tools(server: string): Promise<readonly Tool[]>
  tool(server: string, name: string): Promise<Tool>
  stop(): Promise<void>
}

function answerOk(_request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('content-type', 'application/json')
  response.end('{"ok":true}')
}

export interface RecorderOptions {
  /** Servers of other kinds at the same address. */
  readonly others?: (origin: string, folder: string) => Readonly<Record<string, ServerSpecInput>>
  readonly answer?: (request: IncomingMessage, response: ServerResponse) => void
}

export async function startRestRecorder(
  described: Readonly<Record<string, Described>>,
  { others, answer = answerOk }: RecorderOptions = {},
): Promise<RestRecorder> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-rest-'))
  const requests: Seen[] = []
  const api = await serve((request, response, bytes) => {
    const { headers, method, url } = request
    requests.push({
      line: `${method} ${url}`,
      type: headers['content-type'] ?? '',
      headers,
      body: bytes.toString(),
      bytes,
    })
    answer(request, response)
  })
  const servers: Record<string, ServerSpecInput> = {}
  for (const [name, { spec, extension = 'yaml', files = {}, entry, openapi }] of Object.entries(
    described,
  )) {
    const all = { ...files, [`description.${extension}`]: spec }
    for (const [file, text] of Object.entries(all)) {
      const path = join(folder, name, file)
      await mkdir(dirname(path), { recursive: true })
      await writeFile(
        path,
        text.replaceAll('ORIGIN', api.origin).replaceAll('HOST', new URL(api.origin).host),
      )
    }
    const place = join(folder, name, `description.${extension}`)
    servers[name] = { ...entry, openapi: { spec: place, ...openapi } }
  }
  Object.assign(servers, others?.(api.origin, folder))
  const gateway = await startGateway({ keys: { first: everything }, config: { servers } })
  const tools = async (server: string): Promise<readonly Tool[]> => {
    const reply = await modernCall(gateway.server(server), gateway.key, 'tools/list')
    const listed = dig(reply.message, 'result', 'tools')
    if (!Array.isArray(listed)) throw new Error(`no list: ${reply.text}`)
    return listed
  }
  // One after the other is converted; a list does not wait for all of them.
  for (const name of Object.keys(servers))
    await eventually(async () => (await tools(name)).length > 0)
  return {
    origin: api.origin,
    async call(server, tool, args) {
      const before = requests.length
      const given = typeof args === 'string' ? JSON.parse(args) : args
      const reply = await modernTool(gateway.server(server), gateway.key, tool, given)
      return {
        seen: requests[before],
        text: String(
          dig(reply.message, 'result', 'content', 0, 'text') ??
            dig(reply.message, 'error', 'message'),
        ),
        isError:
          dig(reply.message, 'result', 'isError') === true ||
          dig(reply.message, 'error') !== undefined,
      }
    },
    tools,
    async tool(server, name) {
      const found = (await tools(server)).find((tool) => tool.name === name)
      if (found === undefined) throw new Error(`no tool ${name}`)
      return found
    },
    async stop() {
      await gateway.stop()
      await api.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
