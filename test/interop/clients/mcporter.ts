// mcporter's command line, with the gateway as a server of its configuration file.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { program } from '../places.ts'
import { inherited, runCommand } from './command-line.ts'
import { bearer, runJob } from './session.ts'

const OPERATION_MS = 30_000
const listed = z.object({ tools: z.array(z.object({ name: z.string() })) })

await runJob(async (of) => {
  const config = join(inherited().cwd, `mcporter-${process.pid}.json`)
  const servers = { sallyport: { url: of.url, allowHttp: true, headers: bearer(of) } }
  await writeFile(config, JSON.stringify({ mcpServers: servers, imports: [] }), { mode: 0o600 })
  const mcporter = (args: readonly string[]): Promise<unknown> =>
    runCommand([program('mcporter'), '--config', config, ...args], OPERATION_MS)
  const { tools } = listed.parse(await mcporter(['list', 'sallyport', '--json']))
  return {
    tools: tools.map((tool) => tool.name),
    call: (name, args) =>
      mcporter([
        'call',
        ...['--server', 'sallyport', '--tool', name],
        ...['--args', JSON.stringify(args), '--output', 'json'],
      ]),
    close: async () => undefined,
  }
})
