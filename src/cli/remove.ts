import type { Command } from 'commander'
import { z } from 'zod'
import { ask } from '../admin/contract/client.ts'
import { removeServer } from '../admin/contract/servers.ts'
import { define, type Run } from './command.ts'

export function removeCommand(program: Command, run: Run): void {
  define(program, run, {
    name: 'remove <name>',
    summary: 'Remove a server that was added here',
    examples: ['sallyport remove files'],
    values: z.object({}),
    run: async ({ out, admin }, [name = '']) => {
      const { warnings } = await ask(await admin(), removeServer, { name })
      for (const warning of warnings) out.warn(warning)
      out.result({ removed: name, warnings }, () => out.line(`Removed ${name}.`))
      return undefined
    },
  })
}
