import { type Command, Option } from 'commander'
import { z } from 'zod'
import { ask } from '../admin/contract/client.ts'
import { explain } from '../admin/contract/explain.ts'
import type { LimitSpec } from '../model/desired-state.ts'
import { splitTool } from './call.ts'
import { define, type Run } from './command.ts'

export function explainCommand(program: Command, run: Run): void {
  define(program, run, {
    name: 'explain <principal> <target>',
    summary: 'Whether a principal may use SERVER.TOOL, by which rule, and under which limits',
    examples: [
      'sallyport explain ci files.read_file',
      'sallyport explain user:ann docs.file:///readme --kind resource',
    ],
    options: [new Option('--kind <kind>').choices(['tool', 'prompt', 'resource']).default('tool')],
    values: z.object({ kind: z.enum(['tool', 'prompt', 'resource']) }),
    run: async ({ out, admin }, [principal = '', target = ''], { kind }) => {
      const { server, tool: name } = splitTool(target)
      const answer = await ask(await admin(), explain, { principal, kind, server, name })
      out.result(answer, () => {
        const { green, red } = out.colors
        const verdict = answer.allowed ? green('allowed') : red('denied')
        out.line(`  ${answer.principal} -> ${answer.target}`, verdict)
        out.line(`because ${answer.rule}`)
        if (!answer.known) out.line(`note: no ${kind} of that name is listed at the moment`)
        for (const { role, via, defined } of answer.roles)
          out.line(`role ${role} through ${via.join(', ')}${defined ? '' : ' (not defined)'}`)
        if (answer.roles.length === 0) out.line('holds no role')
        for (const { role, effect, pattern } of answer.matches)
          out.line(`match ${role}: ${effect} ${pattern}`)
        for (const limit of answer.allowed ? answer.limits : []) out.line(limitText(limit))
      })
      return undefined
    },
  })
}

function limitText({ per, tool, calls, concurrent }: LimitSpec): string {
  const parts = [
    ...(calls === undefined ? [] : [calls]),
    ...(concurrent === undefined ? [] : [`${concurrent} at the same time`]),
  ]
  return `limit ${parts.join(', ')} for each ${per}${tool === undefined ? '' : `, for ${tool}`}`
}
