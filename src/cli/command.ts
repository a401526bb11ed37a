/** How a command is declared: words, options, examples, and what it does. */
import { resolve } from 'node:path'
import type { Command, Option } from 'commander'
import type { z } from 'zod'
import type { AdminClient } from '../admin/contract/client.ts'
import { AdminError } from '../admin/contract/errors.ts'
import { Output } from './output.ts'
import type { CliPorts, Place } from './ports.ts'
import { connectRunning } from './socket-client.ts'
import { inWords, type Words } from './words.ts'

/** What one run of the program shares among its commands. */
export interface Run {
  readonly ports: CliPorts
  /** What stood behind `--`; undefined when there was none. */
  readonly afterDashes: readonly string[] | undefined
  /** The exit code. */
  code: number
}

/** What a command works with. */
export interface Session {
  readonly ports: CliPorts
  readonly out: Output
  readonly place: Place
  readonly afterDashes: readonly string[] | undefined
  /** The administration: of the running gateway, else in this process. */
  admin(): Promise<AdminClient>
  /** What looks at descriptions: the running gateway, else this process, without a data folder. */
  conversions(): Promise<AdminClient>
  /** The administration of the running gateway; undefined when none runs. */
  running(): Promise<AdminClient | undefined>
}

export interface CommandSpec<O extends z.ZodObject> {
  /** With arguments, e.g. `create <name>`. */
  readonly name: string
  readonly summary: string
  readonly examples: readonly string[]
  readonly options?: readonly Option[]
  readonly values: O
  /** What members of an entry are called here, where the names of options do not say it. */
  readonly words?: (options: z.output<O>) => Words
  /** Returns the exit code; nothing is 0. */
  readonly run: (
    session: Session,
    args: readonly string[],
    options: z.output<O>,
  ) => Promise<number | undefined>
}

/** The command was written wrongly: exit code 2. */
export class UsageError extends AdminError {
  constructor(message: string, wayOut: string) {
    super('usage', message, wayOut)
    this.name = 'UsageError'
  }
}

/** Adds a command to its parent. */
export function define<O extends z.ZodObject>(
  parent: Command,
  shared: Run,
  spec: CommandSpec<O>,
): void {
  const command = parent.command(spec.name).description(spec.summary)
  for (const option of spec.options ?? []) command.addOption(option)
  command
    .option('--json', 'print one JSON document')
    .option('--data <dir>', 'data folder of the gateway (default: SALLYPORT_DATA, or .sallyport)')
    .option('--config <file>', 'sallyport.yaml to read; a running gateway has its own')
    .addHelpText('after', `\nExamples:\n${spec.examples.map((text) => `  $ ${text}\n`).join('')}`)
    .action(async () => {
      const given: Record<string, unknown> = command.opts()
      assertFilled(command, given)
      const values = spec.values.safeParse(given)
      if (!values.success) throw wrongValue(values.error.issues)
      const session = openSession(shared, given)
      try {
        shared.code = (await spec.run(session, command.args, values.data)) ?? 0
      } catch (fault) {
        // The one document of --json has the paths of the contract.
        if (!(fault instanceof AdminError) || fault instanceof UsageError || session.out.json)
          throw fault
        throw inWords(fault, command, spec.words?.(values.data))
      } finally {
        await session.close()
      }
    })
}

/** An empty value is a variable of the shell that is not set: as a folder it would mean this one, as a host all. */
function assertFilled(command: Command, given: Readonly<Record<string, unknown>>): void {
  const empty = command.options.find((option) => given[option.attributeName()] === '')
  if (empty !== undefined)
    throw new UsageError(
      `${empty.long} is empty.`,
      'Give it a value, or leave it out; a variable of the shell may not be set.',
    )
}

function wrongValue(issues: readonly z.core.$ZodIssue[]): UsageError {
  const [issue] = issues
  const option = String(issue?.path[0] ?? '').replaceAll(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)
  return new UsageError(`--${option}: ${issue?.message ?? 'is not valid'}.`, 'See --help.')
}

function dataFolderOf({ SALLYPORT_DATA: named = '' }: CliPorts['env']): string {
  return named === '' ? '.sallyport' : named
}

function openSession(
  shared: Run,
  given: Readonly<Record<string, unknown>>,
): Session & { close(): Promise<void> } {
  const { ports, afterDashes } = shared
  const { json, data, config } = given
  const place: Place = {
    dataDir: resolve(ports.cwd, typeof data === 'string' ? data : dataFolderOf(ports.env)),
    config: typeof config === 'string' ? resolve(ports.cwd, config) : undefined,
  }
  let opened: AdminClient | undefined
  const running = async () => {
    opened ??= await connectRunning(place.dataDir, ports.signal)
    return opened
  }
  return {
    ports,
    out: new Output(ports, json === true),
    place,
    afterDashes,
    running,
    admin: async () => {
      opened = (await running()) ?? (await ports.offline(place))
      return opened
    },
    conversions: async () => {
      opened = (await running()) ?? (await ports.conversions(place))
      return opened
    },
    close: async () => opened?.close(),
  }
}
