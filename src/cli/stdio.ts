import { type Command, Option } from 'commander'
import { z } from 'zod'
import { define, type Run, UsageError } from './command.ts'
import type { CliPorts } from './ports.ts'

export function stdioCommand(program: Command, run: Run): void {
  define(program, run, {
    name: 'stdio',
    summary: 'Be a stdio server, for clients that only spawn',
    examples: ['SALLYPORT_KEY=sp_... sallyport stdio', 'sallyport stdio --toolset support'],
    options: [
      keyOption(),
      new Option('--server <name>', 'only this server, under its own names'),
      new Option('--toolset <name>', 'only this toolset'),
    ],
    values: z.object({
      key: z.string().optional(),
      server: z.string().optional(),
      toolset: z.string().optional(),
    }),
    run: ({ ports, place }, _args, { key, server, toolset }) =>
      ports.stdio({
        ...place,
        key: keyOf(ports, key),
        endpoint: endpointPath(server, toolset),
      }),
  })
}

export function keyOption(without = ''): Option {
  return new Option('--key <key>', `the key to act as (default: SALLYPORT_KEY${without})`)
}

/** The key that was given, by an option or by the environment. */
export function keyOf(
  { env }: Pick<CliPorts, 'env'>,
  option: string | undefined,
): string | undefined {
  const { SALLYPORT_KEY: named = '' } = env
  return option ?? (named === '' ? undefined : named)
}

/** Path of the endpoint that shows one server, one toolset, or all. */
export function endpointPath(server: string | undefined, toolset: string | undefined): string {
  if (server !== undefined && toolset !== undefined)
    throw new UsageError('--server and --toolset exclude each other.', 'Give one of them.')
  if (server !== undefined) return `/mcp/s/${server}`
  return toolset === undefined ? '/mcp' : `/mcp/t/${toolset}`
}
