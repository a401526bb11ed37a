import { type Command, Option } from 'commander'
import { z } from 'zod'
import { ask } from '../admin/contract/client.ts'
import { listRoles, removeRole, setRole } from '../admin/contract/roles.ts'
import { define, type Run, UsageError } from './command.ts'
import { given, showWritten } from './written.ts'

export function rolesCommands(program: Command, run: Run): void {
  const group = program.command('roles').description('What may be used: ls, set, remove')
  define(group, run, {
    name: 'ls',
    summary: 'List the roles',
    examples: ['sallyport roles ls'],
    values: z.object({}),
    run: async ({ out, admin }) => {
      const answer = await ask(await admin(), listRoles, {})
      out.result(answer, () =>
        out.table(
          ['NAME', 'ALLOW', 'DENY', 'FROM', 'DESCRIPTION'],
          answer.roles.map((role) => [
            role.name,
            role.allow.join(' ') || '-',
            role.deny.join(' ') || '-',
            role.origin,
            role.description ?? '',
          ]),
          'No roles.',
        ),
      )
      return undefined
    },
  })
  define(group, run, {
    name: 'set <name>',
    summary: 'Write a role; deny wins over allow',
    examples: [
      `sallyport roles set support --allow 'crm/*' 'tickets/create_*' --deny 'crm/delete_*'`,
    ],
    options: [
      new Option('--allow <pattern...>', 'server/tool with * for anything'),
      new Option('--deny <pattern...>', 'server/tool with * for anything'),
      new Option('--description <text>', 'what it is for'),
    ],
    values: z.object({
      allow: z.array(z.string()).default([]),
      deny: z.array(z.string()).default([]),
      description: z.string().optional(),
    }),
    run: async ({ out, admin }, [name = ''], { allow, deny, description }) => {
      if (allow.length + deny.length === 0)
        throw new UsageError('The role says nothing.', "Give --allow 'SERVER/*' or --deny.")
      const spec = { allow, deny, ...given({ description }) }
      const { warnings } = await ask(await admin(), setRole, { name, spec })
      return showWritten(out, { role: name, ...spec }, warnings, `Wrote the role ${name}.`)
    },
  })
  define(group, run, {
    name: 'remove <name>',
    summary: 'Remove a role that nothing uses',
    examples: ['sallyport roles remove support'],
    values: z.object({}),
    run: async ({ out, admin }, [name = '']) => {
      const { warnings } = await ask(await admin(), removeRole, { name })
      return showWritten(out, { removed: name }, warnings, `Removed the role ${name}.`)
    },
  })
}
