// The Inspector's CLI: one process for every operation.
import { z } from 'zod'
import type { Job } from '../job.ts'
import { program } from '../places.ts'
import { runCommand } from './command-line.ts'
import { runJob } from './session.ts'

const era = process.argv[2]
if (era !== 'legacy' && era !== 'modern' && era !== 'auto')
  throw new Error('say legacy, modern or auto')
const OPERATION_MS = 30_000
const listed = z.object({ tools: z.array(z.object({ name: z.string() })) })

function inspect(of: Job, args: readonly string[]): Promise<unknown> {
  return runCommand(
    [
      program('@modelcontextprotocol/inspector', 'mcp-inspector'),
      '--cli',
      of.url,
      ...['--transport', 'http', '--protocol-era', era ?? '', '--format', 'json', '-q'],
      ...['--header', `Authorization: Bearer ${of.key}`],
      ...args,
    ],
    OPERATION_MS,
  )
}

const argument = ([name, value]: [string, unknown]) =>
  `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`

await runJob(async (of) => {
  const { tools } = listed.parse(await inspect(of, ['--method', 'tools/list']))
  return {
    tools: tools.map((tool) => tool.name),
    call: (name, args) => {
      const pairs = Object.entries(args).map(argument)
      const given = pairs.length === 0 ? [] : ['--tool-arg', ...pairs]
      return inspect(of, ['--method', 'tools/call', '--tool-name', name, ...given])
    },
    close: async () => undefined,
  }
})
