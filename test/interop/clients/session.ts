// The frame of every client process: reads the job, lists, calls, and writes the outcome.
import { text } from 'node:stream/consumers'
import { z } from 'zod'
import { type Job, job, OUTCOME_MARK, type Outcome } from '../job.ts'

/** One client, connected. */
export interface Session {
  readonly tools: readonly string[]
  /** Resolves to the result as the client hands it out; rejects when the client reports an error. */
  call(tool: string, args: Record<string, unknown>): Promise<unknown>
  /** Resolves to the page that a tool names on its server's own endpoint; only where the client can read resources. */
  page?(server: string, tool: string): Promise<unknown>
  close(): Promise<void>
}

const CALL_MS = 40_000
const CLOSE_MS = 3000

/** Runs the job of stdin through a client and ends the process. */
export async function runJob(open: (of: Job) => Promise<Session>): Promise<never> {
  const of = job.parse(JSON.parse(await text(process.stdin)))
  const session = await open(of)
  const outcome: Outcome = { tools: [...session.tools], calls: {} }
  for (const { id, tool, args, page } of of.calls) {
    if (page && session.page === undefined) continue
    try {
      const asked = page ? session.page?.(...partsOf(tool)) : session.call(tool, args)
      const result = await within(CALL_MS, asked ?? Promise.resolve())
      outcome.calls[id] = { ok: !isError(result), text: JSON.stringify(result) ?? 'undefined' }
    } catch (fault) {
      outcome.calls[id] = { ok: false, text: String(fault) }
    }
  }
  await new Promise((resolve) =>
    process.stdout.write(`\n${OUTCOME_MARK}${JSON.stringify(outcome)}\n`, resolve),
  )
  await within(CLOSE_MS, session.close()).catch(() => undefined)
  process.exit(0)
}

export const bearer = (of: Job): { Authorization: string } => ({
  Authorization: `Bearer ${of.key}`,
})

/** The endpoint of one server. */
export const serverUrl = (of: Job, server: string): string => `${of.url}/s/${server}`

function partsOf(tool: string): [server: string, name: string] {
  const at = tool.indexOf('__')
  return [tool.slice(0, at), tool.slice(at + 2)]
}

const named = z.object({ _meta: z.object({ ui: z.object({ resourceUri: z.string() }) }) })

/** The URI of the page of a tool of the MCP Apps extension. @throws when the tool names none */
export const pageOf = (tool: unknown): string => named.parse(tool)._meta.ui.resourceUri

function isError(result: unknown): boolean {
  return (
    typeof result === 'object' && result !== null && 'isError' in result && result.isError === true
  )
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
