import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { z } from 'zod'
import { configurationSchema } from '../admin/contract/config.ts'
import { define, type Run } from './command.ts'

export function schemaCommand(program: Command, run: Run): void {
  define(program, run, {
    name: 'schema',
    summary: 'Print the JSON Schema of sallyport.yaml, for editors',
    examples: ['sallyport schema --out sallyport.schema.json'],
    options: [new Option('--out <file>', 'write it to a file')],
    values: z.object({ out: z.string().optional() }),
    run: async ({ ports, out }, _args, { out: target }) => {
      const text = `${JSON.stringify(configurationSchema(), undefined, 2)}\n`
      if (target === undefined) {
        out.raw(text)
        return undefined
      }
      const file = resolve(ports.cwd, target)
      await writeFile(file, text)
      out.result({ file }, () => out.line(`Wrote ${file}.`))
      return undefined
    },
  })
}
