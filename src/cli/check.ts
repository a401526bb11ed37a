import type { Command } from 'commander'
import { z } from 'zod'
import { define, type Run } from './command.ts'
import { placeOf } from './output.ts'

export function checkCommand(program: Command, run: Run): void {
  define(program, run, {
    name: 'check',
    summary: 'Validate the configuration without starting anything',
    examples: ['sallyport check', 'sallyport check --config sallyport.yaml'],
    values: z.object({}),
    run: async ({ ports, place, out }) => {
      const { file, issues } = await ports.checkConfig(place)
      const ok = issues.length === 0
      out.result({ ok, file, issues }, () => {
        for (const issue of issues)
          out.line(`${placeOf(issue)}${issue.path === '' ? '' : `${issue.path}: `}${issue.message}`)
        if (!ok) out.line(`${issues.length} to mend.`)
        else out.line(file === undefined ? 'There is no configuration file.' : `${file} is good.`)
      })
      return ok ? 0 : 1
    },
  })
}
