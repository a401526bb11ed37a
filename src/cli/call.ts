import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { z } from 'zod'
import { ask } from '../admin/contract/client.ts'
import { AdminError } from '../admin/contract/errors.ts'
import { callTool } from '../admin/contract/servers.ts'
import { define, type Run, type Session, UsageError } from './command.ts'
import type { Output } from './output.ts'
import { keyOf, keyOption } from './stdio.ts'

export function callCommand(program: Command, run: Run): void {
  define(program, run, {
    name: 'call <tool> [arguments]',
    summary: 'Call SERVER.TOOL with JSON arguments (text, @file, or - for standard input)',
    examples: [
      `sallyport call files.read_file '{"path":"notes.txt"}'`,
      'sallyport call billing.create @invoice.json --key sp_...',
    ],
    options: [keyOption(', else the owner of the gateway')],
    values: z.object({ key: z.string().optional() }),
    run: async (session, [target = '', given], options) => {
      const { ports, out } = session
      const { server, tool } = splitTool(target)
      const argumentsJson = await readArguments(session, given)
      const key = keyOf(ports, options.key)
      const input = { key, server, tool, argumentsJson }
      const client = await session.admin()
      const answer = await out.during(`calling ${target}`, ask(client, callTool, input))
      if (answer.kind === 'error') throw failed(target, answer.json)
      if (answer.kind === 'input_required')
        throw new AdminError(
          'input_required',
          `${target} asks a question, which this command cannot answer.`,
          'Call it through a client that can: "sallyport connect inspector".',
        )
      if (out.json) out.raw(`${answer.json}\n`)
      return show(out, answer.json)
    },
  })
}

/** @throws UsageError when the text is not SERVER.NAME */
export function splitTool(text: string): { readonly server: string; readonly tool: string } {
  const at = text.indexOf('.')
  if (at > 0 && at < text.length - 1) return { server: text.slice(0, at), tool: text.slice(at + 1) }
  throw new UsageError(`"${text}" is not SERVER.TOOL.`, 'Run "sallyport tools" to see the names.')
}

/** The text travels as it is, so that no number loses a digit. */
async function readArguments({ ports }: Session, given: string | undefined): Promise<string> {
  let text = given ?? '{}'
  if (text === '-') text = await ports.stdin()
  else if (text.startsWith('@'))
    text = await readFile(resolve(ports.cwd, text.slice(1)), 'utf8').catch((cause: unknown) => {
      const message = `${text.slice(1)} cannot be read.`
      throw new AdminError('failed', message, 'Check the path.', { cause })
    })
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return text.trim()
  } catch {
    // Said below.
  }
  throw new UsageError(
    'The arguments are no JSON object.',
    `Quote them for the shell, e.g. '{"path":"a.txt"}', or use @file or -.`,
  )
}

const rpcError = z.object({
  code: z.number(),
  message: z.string(),
  data: z.object({ code: z.string().optional(), retryAfterMs: z.number().optional() }).optional(),
})

/** Refusals about what was asked for; the others say themselves what to do. */
const aboutTool: ReadonlySet<string> = new Set(['tool_unknown', 'arguments_invalid'])

function failed(target: string, json: string): AdminError {
  const parsed = rpcError.safeParse(JSON.parse(json))
  if (!parsed.success) return new AdminError('call_failed', json, seeTool(target))
  const { message, code: number, data } = parsed.data
  const code = data?.code ?? 'call_failed'
  const wayOut =
    data?.retryAfterMs !== undefined
      ? `Try again after ${data.retryAfterMs} ms.`
      : aboutTool.has(code)
        ? seeTool(target)
        : `"sallyport doctor ${splitTool(target).server}" looks at the server.`
  return new AdminError(code, `${message} (${number})`, wayOut)
}

function seeTool(target: string): string {
  return `"sallyport tools" shows what it takes, "sallyport explain KEY ${target}" who may.`
}

const toolResult = z.object({
  isError: z.boolean().optional(),
  content: z.array(z.looseObject({ type: z.string(), text: z.string().optional() })).default([]),
  structuredContent: z.unknown().optional(),
})

function show(out: Output, json: string): number {
  const parsed = toolResult.safeParse(JSON.parse(json))
  if (!parsed.success) {
    if (!out.json) out.raw(`${json}\n`)
    return 0
  }
  const { isError, content, structuredContent } = parsed.data
  if (!out.json) {
    for (const block of content) out.raw(`${block.text ?? `[${block.type}; --json shows it]`}\n`)
    if (content.length === 0 && structuredContent !== undefined)
      out.raw(`${JSON.stringify(structuredContent, undefined, 2)}\n`)
  }
  return isError === true ? 1 : 0
}
