import type { Command } from 'commander'
import { z } from 'zod'
import { ask } from '../admin/contract/client.ts'
import { listServers, type ServerView } from '../admin/contract/servers.ts'
import { define, type Run } from './command.ts'
import { counted } from './output.ts'

export function lsCommand(program: Command, run: Run): void {
  define(program, run, {
    name: 'ls',
    summary: 'List the servers and how they are',
    examples: ['sallyport ls', 'sallyport ls --json'],
    values: z.object({}),
    run: async ({ out, admin }) => {
      const answer = await ask(await admin(), listServers, {})
      out.result(answer, () =>
        out.table(
          ['NAME', 'KIND', 'STATE', 'TOOLS', 'ERA', 'FROM', 'ADDRESS', 'NOTE'],
          answer.servers.map((server) => [
            server.name,
            server.kind,
            server.state,
            String(server.tools),
            server.era ?? '-',
            server.origin,
            server.address,
            noteOf(server),
          ]),
          'No server yet. Register one: sallyport add NAME SOURCE, or sallyport add NAME -- COMMAND.',
        ),
      )
      return undefined
    },
  })
}

function noteOf({ downSince, fault, stale, leftOut }: ServerView): string {
  const parts = [
    downSince === undefined ? undefined : `down since ${new Date(downSince).toISOString()}`,
    stale ? 'lists are the last known ones' : undefined,
    fault,
    leftOut.length === 0 ? undefined : `${counted(leftOut.length, 'tool')} left out (see doctor)`,
  ]
  return parts.filter((part) => part !== undefined).join('; ')
}
