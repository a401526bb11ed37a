/** Entries of `mcpServers` (Claude, Cursor and others) and of `servers` (VS Code). */
import { z } from 'zod'
import { Skip, type SpecInput, type Surroundings } from './entry.ts'
import { translate } from './placeholders.ts'

const texts = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String))

export const clientEntry = z.looseObject({
  type: z.string().optional(),
  command: z.string().min(1).optional(),
  args: z.array(z.union([z.string(), z.number()]).transform(String)).default([]),
  env: texts.default({}),
  cwd: z.string().optional(),
  url: z.string().optional(),
  serverUrl: z.string().optional(),
  httpUrl: z.string().optional(),
  headers: texts.default({}),
  disabled: z.boolean().optional(),
  description: z.string().optional(),
})
export type ClientEntry = z.output<typeof clientEntry>

/** Members of no meaning for a gateway. */
const ofNoMeaning = ['alwaysAllow', 'autoApprove', 'gallery', 'version', 'timeout', 'dev', 'name']

/** @throws Skip */
export function specOfClientEntry(
  entry: ClientEntry,
  around: Surroundings,
  warnings: string[],
): SpecInput {
  const known = [...Object.keys(clientEntry.shape), ...ofNoMeaning]
  for (const member of Object.keys(entry))
    if (!known.includes(member)) warnings.push(`"${member}" was not taken over`)
  const text = (value: string): string => translate(value, around, warnings)
  const common = {
    ...(entry.disabled === true ? { enabled: false } : {}),
    ...(entry.description === undefined ? {} : { description: entry.description }),
  }
  const url = entry.url ?? entry.serverUrl ?? entry.httpUrl
  if (entry.command !== undefined) {
    if (url !== undefined) throw new Skip('it has both a command and a URL')
    const { command, args } = withoutShell(entry.command, entry.args)
    if (args.some((arg) => tellingArgument.test(arg)))
      warnings.push('an argument seems to hold a secret; a reference to a variable is safer')
    const stdio = {
      command: text(command),
      args: args.map(text),
      ...(Object.keys(entry.env).length === 0 ? {} : { env: mapped(entry.env, text) }),
      ...(entry.cwd === undefined ? {} : { cwd: text(entry.cwd) }),
    }
    return { ...common, stdio }
  }
  if (url === undefined) throw new Skip('it has neither a command nor a URL')
  const address = text(url)
  if (!/^https?:\/\//i.test(address) && !address.startsWith('$'))
    throw new Skip(`"${url}" is no http or https URL`)
  const headers = mapped(entry.headers, text)
  return {
    ...common,
    http: {
      url: address,
      ...(Object.keys(headers).length === 0 ? {} : { headers }),
      ...(entry.type === 'sse' ? { transport: 'sse' as const } : {}),
    },
  }
}

/** A secret in an argument shows in the list of processes. */
const tellingArgument = /^--?[a-z-]*(token|secret|password|api-?key)[a-z-]*=[^$]/i

function mapped(
  values: Readonly<Record<string, string>>,
  text: (value: string) => string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, text(value)]))
}

const shells = /(^|[\\/])(sh|bash|zsh|dash|fish|ksh|powershell|pwsh)(\.exe)?$/i
const runsText = /^-[a-z]*c$|^-(command|encodedcommand)$/i

/**
 * A program and its arguments, never a line for a shell. `cmd /c PROGRAM ARG...` is how Windows clients
 * start npx and becomes the program itself.
 */
function withoutShell(
  command: string,
  args: readonly string[],
): { command: string; args: readonly string[] } {
  if (/(^|[\\/])cmd(\.exe)?$/i.test(command)) {
    const at = args.findIndex((arg) => /^\/c$/i.test(arg))
    const [program, ...rest] = at < 0 ? [] : args.slice(at + 1)
    if (program === undefined || /\s/.test(program)) throw new Skip('it runs a line of a shell')
    return { command: program, args: rest }
  }
  if (shells.test(command) && args.some((arg) => runsText.test(arg)))
    throw new Skip('it runs a line of a shell; name the program and its arguments instead')
  if (/\s/.test(command.trim()) && !/[\\/]/.test(command.split(/\s/)[0] ?? ''))
    throw new Skip('its command is a line of a shell; put the arguments into args')
  return { command: command.trim(), args }
}
