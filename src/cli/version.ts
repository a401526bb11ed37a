import type { Command } from 'commander'
import { z } from 'zod'
import { define, type Run } from './command.ts'

export function versionCommand(program: Command, run: Run): void {
  define(program, run, {
    name: 'version',
    summary: 'Print the version',
    examples: ['sallyport version'],
    values: z.object({}),
    run: async ({ ports, out }) => {
      out.result({ version: ports.version }, () => out.line(ports.version))
      return undefined
    },
  })
}
