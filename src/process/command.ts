import { statSync } from 'node:fs'
import { extname, isAbsolute, join, resolve } from 'node:path'
import { GatewayError } from '../model/refusal.ts'

/**
 * How a command is started on Windows, where a batch file (`npx.cmd`) runs in cmd.exe, which reads
 * its arguments twice as a language of its own. Untested on a real Windows.
 */
export interface Invocation {
  readonly file: string
  readonly args: readonly string[]
  /** Whether the arguments are quoted already. */
  readonly verbatim: boolean
}

/** Between quotes these still mean something to cmd.exe, and no way of escaping them is sure. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: NUL would end the command line
const unsafeInBatch = /["%!\r\n\u0000]/

/** Finds what Windows would start for a command, and quotes the arguments for it. */
export function windowsInvocation(
  spec: {
    readonly command: string
    readonly args: readonly string[]
    readonly env: Readonly<Record<string, string>>
    readonly cwd: string | undefined
  },
  isFile: (path: string) => boolean = isRegularFile,
): Invocation {
  const file = findCommand(spec.command, spec.env, spec.cwd ?? '.', isFile) ?? spec.command
  if (!/\.(cmd|bat)$/i.test(file)) return { file, args: spec.args, verbatim: false }
  const unsafe = [file, ...spec.args].findIndex((word) => unsafeInBatch.test(word))
  if (unsafe !== -1) {
    const word = unsafe === 0 ? 'the path' : `argument ${unsafe}`
    const detail = `${word} holds a character that cannot be passed to a batch file`
    throw new GatewayError('server_unavailable', { detail })
  }
  const line = [file, ...spec.args].map(quote).join(' ')
  const shell = lookUp(spec.env, 'COMSPEC') ?? 'cmd.exe'
  return { file: shell, args: ['/d', '/v:off', '/s', '/c', `"${line}"`], verbatim: true }
}

/** A backslash before the closing quote would escape it for the program, so it is doubled. */
function quote(word: string): string {
  return `"${word.replace(/\\+$/, '$&$&')}"`
}

function findCommand(
  command: string,
  env: Readonly<Record<string, string>>,
  cwd: string,
  isFile: (path: string) => boolean,
): string | undefined {
  const named = isAbsolute(command) || /[\\/]/.test(command)
  const folders = named ? [''] : (lookUp(env, 'PATH') ?? '').split(';').filter(Boolean)
  const endings = (lookUp(env, 'PATHEXT') ?? '.COM;.EXE;.BAT;.CMD').split(';').filter(Boolean)
  const candidates = extname(command) === '' ? endings : ['', ...endings]
  return folders
    .flatMap((folder) => candidates.map((ending) => join(folder, command + ending)))
    .map((path) => (named ? resolve(cwd, path) : path))
    .find(isFile)
}

function lookUp(env: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.entries(env).find(([key]) => key.toUpperCase() === name)?.[1]
}

function isRegularFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
}
