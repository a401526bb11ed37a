import { type Command, Option } from 'commander'
import { z } from 'zod'
import { ask } from '../admin/contract/client.ts'
import { addLimit, listLimits, removeLimit } from '../admin/contract/limits.ts'
import { define, type Run, UsageError } from './command.ts'
import { given, showWritten } from './written.ts'

export function limitsCommands(program: Command, run: Run): void {
  const group = program.command('limits').description('Rates and concurrency: set, ls, remove')
  define(group, run, {
    name: 'set',
    summary: 'Add a limit',
    examples: [
      'sallyport limits set --calls 60/minute',
      `sallyport limits set --per user --tool 'billing/*' --calls 10/minute --concurrent 2`,
    ],
    options: [
      new Option('--per <who>', 'whose calls are counted').choices(['key', 'user']).default('key'),
      new Option('--tool <pattern>', 'only calls of these'),
      new Option('--calls <rate>', 'e.g. 60/minute; second, minute or hour'),
      new Option('--concurrent <count>', 'calls at the same time'),
    ],
    values: z.object({
      per: z.enum(['key', 'user']),
      tool: z.string().optional(),
      calls: z
        .string()
        .regex(/^\d+\/(second|minute|hour)$/, 'must be a rate such as 60/minute')
        .optional(),
      concurrent: z.coerce.number('must be a number').int().min(1).optional(),
    }),
    run: async ({ out, admin }, _args, { per, tool, calls, concurrent }) => {
      if (calls === undefined && concurrent === undefined)
        throw new UsageError('The limit limits nothing.', 'Give --calls, --concurrent or both.')
      const spec = { per, ...given({ tool, calls, concurrent }) }
      const { warnings } = await ask(await admin(), addLimit, { spec })
      return showWritten(out, { limit: spec }, warnings, 'Added the limit.')
    },
  })
  define(group, run, {
    name: 'ls',
    summary: 'List the limits',
    examples: ['sallyport limits ls'],
    values: z.object({}),
    run: async ({ out, admin }) => {
      const answer = await ask(await admin(), listLimits, {})
      out.result(answer, () =>
        out.table(
          ['ID', 'PER', 'TOOL', 'CALLS', 'CONCURRENT', 'FROM'],
          answer.limits.map((limit) => [
            limit.id ?? '-',
            limit.per,
            limit.tool ?? 'all',
            limit.calls ?? '-',
            limit.concurrent === undefined ? '-' : String(limit.concurrent),
            limit.origin,
          ]),
          'No limits.',
        ),
      )
      return undefined
    },
  })
  define(group, run, {
    name: 'remove <id>',
    summary: 'Remove a limit',
    examples: ['sallyport limits remove 3f2a1b0c9d8e'],
    values: z.object({}),
    run: async ({ out, admin }, [id = '']) => {
      const { warnings } = await ask(await admin(), removeLimit, { id })
      return showWritten(out, { removed: id }, warnings, `Removed ${id}.`)
    },
  })
}
