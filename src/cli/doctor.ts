import type { Command } from 'commander'
import { z } from 'zod'
import { ask } from '../admin/contract/client.ts'
import { diagnose, type TriedView } from '../admin/contract/servers.ts'
import { define, type Run } from './command.ts'
import { counted } from './output.ts'

function saidOf({ revision, conversion }: Extract<TriedView, { ok: true }>): string {
  if (conversion === undefined) return revision
  const { operations, converted, skipped, notes } = conversion
  const lost = skipped.filter(({ code }) => code !== 'excluded').length
  return `${converted} of ${operations} operations converted, ${lost} not, ${counted(notes.length, 'note')}`
}

/** What the account of the gateway may do at a server beyond what it is there for. */
function grantsOf({ conversion }: Extract<TriedView, { ok: true }>): string[] {
  const notes = conversion?.notes ?? []
  return notes.filter(({ code }) => code === 'role_too_wide').map(({ reason }) => reason)
}

export function doctorCommand(program: Command, run: Run): void {
  define(program, run, {
    name: 'doctor [server]',
    summary: 'Reach every server; say what is wrong and how to mend it',
    examples: ['sallyport doctor', 'sallyport doctor github'],
    values: z.object({}),
    run: async ({ out, admin }, [server]) => {
      const client = await admin()
      const answer = await out.during('reaching the servers', ask(client, diagnose, { server }))
      const ok =
        answer.servers.every(({ tried }) => tried.ok) &&
        answer.findings.every(({ level }) => level !== 'fault')
      out.result({ ok, ...answer }, () => {
        const { green, red, yellow } = out.colors
        const item = (mark: string, text: string, wayOut?: string) => {
          out.line(` ${text}`, mark)
          if (wayOut !== undefined) out.line(`      ${wayOut}`)
        }
        for (const { name, ms, tried } of answer.servers)
          if (tried.ok) {
            item(
              green('ok   '),
              `${name}: ${counted(tried.tools.length, 'tool')}, ${saidOf(tried)}, ${ms} ms`,
            )
            for (const reason of grantsOf(tried)) item(yellow('warn '), `${name}: ${reason}`)
          } else item(red('fault'), `${name}: ${tried.message}`, tried.wayOut)
        for (const { level, message, wayOut } of answer.findings)
          item(level === 'fault' ? red('fault') : yellow('warn '), message, wayOut)
        if (answer.servers.length === 0) out.line('No server to reach.')
      })
      return ok ? 0 : 1
    },
  })
}
