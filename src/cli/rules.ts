import { type Command, Option } from 'commander'
import { z } from 'zod'
import { type AccessView, grantAccess, listAccess, removeAccess } from '../admin/contract/access.ts'
import { ask } from '../admin/contract/client.ts'
import { define, type Run, UsageError } from './command.ts'
import { collect } from './source.ts'
import { given, showWritten } from './written.ts'

export function rulesCommands(program: Command, run: Run): void {
  const group = program
    .command('rules')
    .alias('access')
    .description('Who holds which roles: grant, ls, remove')
  define(group, run, {
    name: 'grant',
    summary: 'Give roles to a key, a user or a team',
    examples: [
      'sallyport rules grant --key ci --role all-tools',
      'sallyport rules grant --team support --role support --environment prod',
    ],
    options: [
      new Option('--key <name>', 'to a key'),
      new Option('--user <name>', 'to all keys of a user'),
      new Option('--team <name>', 'to all keys of a team'),
      new Option('--role <role>', 'a role; repeat').argParser(collect),
      new Option('--environment <name>', 'only there; repeat').argParser(collect),
    ],
    values: z.object({
      key: z.string().optional(),
      user: z.string().optional(),
      team: z.string().optional(),
      role: z.array(z.string()).default([]),
      environment: z.array(z.string()).optional(),
    }),
    run: async ({ out, admin }, _args, { key, user, team, role, environment: environments }) => {
      if (role.length === 0) throw new UsageError('Which role?', 'Give --role ROLE.')
      if ([key, user, team, environments].every((who) => who === undefined))
        throw new UsageError('To whom?', 'Give --key, --user, --team or --environment.')
      const spec = { ...given({ key, user, team, environments }), roles: role }
      const { warnings } = await ask(await admin(), grantAccess, { spec })
      const sentence = `Granted ${role.join(', ')} to ${whoOf(spec)}.`
      return showWritten(out, { granted: spec }, warnings, sentence)
    },
  })
  define(group, run, {
    name: 'ls',
    summary: 'List who holds which roles',
    examples: ['sallyport rules ls'],
    values: z.object({}),
    run: async ({ out, admin }) => {
      const answer = await ask(await admin(), listAccess, {})
      out.result(answer, () =>
        out.table(
          ['ID', 'WHO', 'ROLES', 'FROM'],
          answer.access.map((entry) => [
            entry.id ?? '-',
            whoOf(entry),
            entry.roles.join(', '),
            entry.origin,
          ]),
          'No entries. Grant a role: sallyport rules grant --key NAME --role ROLE.',
        ),
      )
      return undefined
    },
  })
  define(group, run, {
    name: 'remove <id>',
    summary: 'Take access away again',
    examples: ['sallyport rules remove 3f2a1b0c9d8e'],
    values: z.object({}),
    run: async ({ out, admin }, [id = '']) => {
      const { warnings } = await ask(await admin(), removeAccess, { id })
      return showWritten(out, { removed: id }, warnings, `Removed ${id}.`)
    },
  })
}

function whoOf({
  key,
  user,
  team,
  environments,
}: Pick<AccessView, 'key' | 'user' | 'team' | 'environments'>): string {
  const who = Object.entries({ key, user, team }).flatMap(([kind, name]) =>
    name === undefined ? [] : [`${kind} ${name}`],
  )
  const where = environments === undefined ? '' : ` in ${environments.join(', ')}`
  return `${who.join(' + ') || 'everybody'}${where}`
}
