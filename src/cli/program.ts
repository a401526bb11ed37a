/** The command line: argv to an exit code. Never ends the process by itself. */

import { Command, CommanderError } from 'commander'
import { AdminError } from '../admin/contract/errors.ts'
import { messageOf } from '../kit/thrown.ts'
import { addCommand } from './add.ts'
import { auditCommands } from './audit.ts'
import { callCommand } from './call.ts'
import { checkCommand } from './check.ts'
import { type Run, UsageError } from './command.ts'
import { connectCommand } from './connect.ts'
import { convertCommand } from './convert.ts'
import { doctorCommand } from './doctor.ts'
import { explainCommand } from './explain.ts'
import { importCommand } from './import.ts'
import { keysCommands } from './keys.ts'
import { limitsCommands } from './limits.ts'
import { logSettings } from './log-settings.ts'
import { lsCommand } from './ls.ts'
import { Output } from './output.ts'
import type { CliPorts } from './ports.ts'
import { removeCommand } from './remove.ts'
import { rolesCommands } from './roles.ts'
import { rulesCommands } from './rules.ts'
import { schemaCommand } from './schema.ts'
import { secretsCommands } from './secrets.ts'
import { stdioCommand } from './stdio.ts'
import { toolsCommand } from './tools.ts'
import { toolsetsCommands } from './toolsets.ts'
import { upCommand } from './up.ts'
import { versionCommand } from './version.ts'

/** In the order of --help. */
const commands: readonly ((program: Command, run: Run) => void)[] = [
  upCommand,
  addCommand,
  convertCommand,
  importCommand,
  lsCommand,
  toolsCommand,
  callCommand,
  removeCommand,
  checkCommand,
  doctorCommand,
  connectCommand,
  stdioCommand,
  keysCommands,
  rolesCommands,
  rulesCommands,
  toolsetsCommands,
  limitsCommands,
  explainCommand,
  auditCommands,
  secretsCommands,
  schemaCommand,
  versionCommand,
]

/** The whole program; `run.code` is the exit code once it was parsed. */
function createProgram(
  ports: CliPorts,
  run: Run = { ports, afterDashes: undefined, code: 0 },
): Command {
  const program = new Command('sallyport')
    .description(
      'One endpoint through which any agent calls any registered server, under one policy',
    )
    .version(ports.version, '-V, --version')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => ports.stdout.write(text),
      writeErr: () => undefined,
    })
  program.hook('preAction', () => void logSettings(ports.env))
  for (const command of commands) command(program, run)
  return program
}

/** Runs one command line (without node and script) and returns the exit code: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted. */
export async function runCli(argv: readonly string[], ports: CliPorts): Promise<number> {
  const dashes = argv.indexOf('--')
  const own = dashes < 0 ? argv : argv.slice(0, dashes)
  const run: Run = { ports, afterDashes: dashes < 0 ? undefined : argv.slice(dashes + 1), code: 0 }
  try {
    await createProgram(ports, run).parseAsync([...argv], { from: 'user' })
    return run.code
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0
    const isInterrupted = ports.signal.aborted && !(thrown instanceof AdminError)
    const error = isInterrupted ? interrupted(thrown) : errorFrom(thrown, own, ports)
    new Output(ports, own.includes('--json')).error(error)
    // As shells have it: 128 and the number of SIGINT.
    return isInterrupted ? 130 : error instanceof UsageError ? 2 : 1
  }
}

/** What is waited for is left; the gateway cancels a call whose caller is gone. */
function interrupted(cause: unknown): AdminError {
  return new AdminError(
    'interrupted',
    'Interrupted before there was an answer.',
    'A call is cancelled. What was being changed may be made all the same: look before you repeat it.',
    { cause },
  )
}

function errorFrom(thrown: unknown, argv: readonly string[], ports: CliPorts): AdminError {
  if (thrown instanceof AdminError) return thrown
  if (thrown instanceof CommanderError) {
    // Commander names no command when a group was called without one.
    const text = thrown.code === 'commander.help' ? 'Which command?' : thrown.message
    const path = pathOf(argv, ports).join(' ')
    return new UsageError(text.replace(/^error: /, ''), `Run "${path} --help".`)
  }
  const message = messageOf(thrown)
  return new AdminError('failed', message, 'Run "sallyport doctor" to see what is wrong.', {
    cause: thrown,
  })
}

/** The words of argv that lead to a command. */
function pathOf(argv: readonly string[], ports: CliPorts): string[] {
  let command = createProgram(ports)
  const path = [command.name()]
  for (const word of argv) {
    const next = command.commands.find((one) => one.name() === word || one.aliases().includes(word))
    if (next === undefined) break
    path.push(next.name())
    command = next
  }
  return path
}
