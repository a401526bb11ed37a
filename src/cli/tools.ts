import type { Command } from 'commander'
import { z } from 'zod'
import { ask } from '../admin/contract/client.ts'
import { listTools } from '../admin/contract/servers.ts'
import { terminalValue } from '../kit/terminal-text.ts'
import { define, type Run } from './command.ts'

export function toolsCommand(program: Command, run: Run): void {
  define(program, run, {
    name: 'tools [server]',
    summary: 'List all tools, or those of one server',
    examples: ['sallyport tools', 'sallyport tools files --json'],
    values: z.object({}),
    run: async ({ out, admin }, [server]) => {
      const answer = await ask(await admin(), listTools, { server })
      out.result(answer, () =>
        out.table(
          ['TOOL', 'DESCRIPTION'],
          answer.tools.map((tool) => [
            terminalValue(`${tool.server}.${tool.name}`),
            firstSentence(tool.title ?? tool.description ?? ''),
          ]),
          'No tools. "sallyport ls" shows how the servers are.',
        ),
      )
      return undefined
    },
  })
}

const shownMax = 100

function firstSentence(text: string): string {
  const [first = ''] = text.trim().split(/(?<=\.)\s|\n/)
  return first.length > shownMax ? `${first.slice(0, shownMax - 1)}…` : first
}
