import { type Command, Option } from 'commander'
import { z } from 'zod'
import { ask } from '../admin/contract/client.ts'
import { createKey, listKeys, revokeKey } from '../admin/contract/keys.ts'
import { define, type Run } from './command.ts'
import { collect } from './source.ts'

export function keysCommands(program: Command, run: Run): void {
  const group = program.command('keys').description('API keys: create, ls, revoke')
  define(group, run, {
    name: 'create <name>',
    summary: 'Make a key; it is shown this once',
    examples: [
      'sallyport keys create ci --role all-tools --expires 30d',
      'sallyport keys create ann-laptop --user ann --team support --environment prod',
    ],
    options: [
      new Option('--role <role>', 'a role of the key; repeat').argParser(collect),
      new Option('--environment <name>', 'where it is used'),
      new Option('--expires <duration>', 'how long it is valid, e.g. 30d'),
      new Option('--user <user>', 'who owns it'),
      new Option('--team <team>', 'a team of the owner; repeat').argParser(collect),
    ],
    values: z.object({
      role: z.array(z.string()).default([]),
      environment: z.string().optional(),
      expires: z
        .string()
        .regex(/^[1-9]\d*(s|m|h|d)$/, 'must be a duration such as 12h or 30d')
        .optional(),
      user: z.string().optional(),
      team: z.array(z.string()).default([]),
    }),
    run: async ({ out, admin }, [name = ''], { role, team, ...rest }) => {
      const answer = await ask(await admin(), createKey, {
        name,
        roles: role,
        teams: team,
        ...rest,
      })
      for (const warning of answer.warnings) out.warn(warning)
      out.result(answer, () => {
        out.line(answer.key)
        out.line('Keep it now: it is not shown again.')
        if (answer.sees.length > 0) out.line(`It can see ${answer.sees.join(', ')}.`)
        else if (answer.roles.includes('all-tools'))
          out.line('It can see everything, but no server is registered yet.')
        else {
          out.line('It sees nothing yet. To let it see everything:')
          for (const command of answer.grant) out.line(`  ${command}`)
        }
      })
      return undefined
    },
  })
  define(group, run, {
    name: 'ls',
    summary: 'List the keys; never their text',
    examples: ['sallyport keys ls'],
    values: z.object({}),
    run: async ({ out, admin }) => {
      const answer = await ask(await admin(), listKeys, {})
      out.result(answer, () =>
        out.table(
          ['NAME', 'KEY', 'STATE', 'ROLES', 'USER', 'TEAMS', 'ENVIRONMENT', 'EXPIRES', 'ID'],
          answer.keys.map((key) => [
            key.name,
            `${key.hint}...`,
            key.state,
            [...new Set([...key.roles, ...key.allRoles])].join(', ') || '-',
            key.user ?? '-',
            key.teams.join(', ') || '-',
            key.environment ?? '-',
            key.expiresAt === undefined ? 'never' : new Date(key.expiresAt).toISOString(),
            key.id,
          ]),
          'No key yet. Make one: sallyport keys create NAME --role ROLE.',
        ),
      )
      return undefined
    },
  })
  define(group, run, {
    name: 'revoke <name>',
    summary: 'Revoke a key at once',
    examples: ['sallyport keys revoke ci'],
    values: z.object({}),
    run: async ({ out, admin }, [name = '']) => {
      const { warnings } = await ask(await admin(), revokeKey, { name })
      for (const warning of warnings) out.warn(warning)
      out.result({ revoked: name, warnings }, () => out.line(`Revoked ${name}.`))
      return undefined
    },
  })
}
