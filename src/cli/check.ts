import type { Command } from 'commander'
import { z } from 'zod'
import type { IssueView } from '../admin/contract/errors.ts'
import { define, type Run } from './command.ts'
import { placeOf } from './output.ts'

export function checkCommand(program: Command, run: Run): void {
  define(program, run, {
    name: 'check',
    summary: 'Validate the configuration without starting anything',
    examples: ['sallyport check', 'sallyport check --config sallyport.yaml'],
    values: z.object({}),
    run: async ({ ports, place, out }) => {
      const { file, issues, warnings } = await ports.checkConfig(place)
      const ok = issues.length === 0
      out.result({ ok, file, issues, warnings }, () => {
        const line = (issue: IssueView, mark: string) =>
          out.line(
            `${mark}${placeOf(issue)}${issue.path === '' ? '' : `${issue.path}: `}${issue.message}`,
          )
        for (const issue of issues) line(issue, '')
        for (const issue of warnings) line(issue, 'warning: ')
        if (!ok) out.line(`${issues.length} to mend.`)
        else out.line(file === undefined ? 'There is no configuration file.' : `${file} is good.`)
      })
      return ok ? 0 : 1
    },
  })
}
