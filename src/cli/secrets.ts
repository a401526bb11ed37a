import type { Command } from 'commander'
import { z } from 'zod'
import { ask } from '../admin/contract/client.ts'
import { rotateSecrets } from '../admin/contract/config.ts'
import { define, type Run } from './command.ts'

export function secretsCommands(program: Command, run: Run): void {
  const group = program.command('secrets').description('The keys that seal session ids and cursors')
  define(group, run, {
    name: 'rotate',
    summary: 'Begin a new sealing key; what older ones sealed stays valid until it expires',
    examples: ['sallyport secrets rotate'],
    values: z.object({}),
    run: async ({ out, admin }) => {
      const answer = await ask(await admin(), rotateSecrets, {})
      out.result(answer, () => {
        out.line(`The sealing key is now ${answer.current}.`)
        if (answer.kept.length > 0) out.line(`Still opening: ${answer.kept.join(', ')}.`)
      })
      return undefined
    },
  })
}
