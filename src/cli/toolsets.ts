import { type Command, Option } from 'commander'
import { z } from 'zod'
import { ask } from '../admin/contract/client.ts'
import { listToolsets, removeToolset, setToolset } from '../admin/contract/toolsets.ts'
import { define, type Run, UsageError } from './command.ts'
import { given, showWritten } from './written.ts'

export function toolsetsCommands(program: Command, run: Run): void {
  const group = program
    .command('toolsets')
    .description('Named selections with an endpoint of their own: set, ls, remove')
  define(group, run, {
    name: 'set <name>',
    summary: 'Write a toolset',
    examples: [
      `sallyport toolsets set reading --include 'files/read_*' 'docs/*' --exclude 'docs/admin_*'`,
    ],
    options: [
      new Option('--include <pattern...>', 'server/tool with * for anything'),
      new Option('--exclude <pattern...>', 'server/tool with * for anything'),
      new Option('--description <text>', 'what it is for'),
    ],
    values: z.object({
      include: z.array(z.string()).default([]),
      exclude: z.array(z.string()).default([]),
      description: z.string().optional(),
    }),
    run: async ({ out, admin }, [name = ''], { include, exclude, description }) => {
      if (include.length === 0)
        throw new UsageError('The toolset is empty.', "Give --include 'SERVER/*'.")
      const spec = { include, exclude, ...given({ description }) }
      const { warnings } = await ask(await admin(), setToolset, { name, spec })
      const sentence = `Wrote the toolset ${name}; its endpoint is /mcp/t/${name}.`
      return showWritten(out, { toolset: name, ...spec }, warnings, sentence)
    },
  })
  define(group, run, {
    name: 'ls',
    summary: 'List the toolsets',
    examples: ['sallyport toolsets ls'],
    values: z.object({}),
    run: async ({ out, admin }) => {
      const answer = await ask(await admin(), listToolsets, {})
      out.result(answer, () =>
        out.table(
          ['NAME', 'ENDPOINT', 'INCLUDE', 'EXCLUDE', 'FROM'],
          answer.toolsets.map((toolset) => [
            toolset.name,
            toolset.endpoint,
            toolset.include.join(' '),
            toolset.exclude.join(' ') || '-',
            toolset.origin,
          ]),
          'No toolsets.',
        ),
      )
      return undefined
    },
  })
  define(group, run, {
    name: 'remove <name>',
    summary: 'Remove a toolset',
    examples: ['sallyport toolsets remove reading'],
    values: z.object({}),
    run: async ({ out, admin }, [name = '']) => {
      const { warnings } = await ask(await admin(), removeToolset, { name })
      return showWritten(out, { removed: name }, warnings, `Removed the toolset ${name}.`)
    },
  })
}
