import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { stringify } from 'yaml'
import { z } from 'zod'
import { ask } from '../admin/contract/client.ts'
import { AdminError } from '../admin/contract/errors.ts'
import { referSecrets } from '../admin/contract/secrets.ts'
import { addServer, type VisibilityView } from '../admin/contract/servers.ts'
import { showVisibility } from './add.ts'
import { define, type Run, type Session } from './command.ts'
import type { Entry, Skipped } from './import/entry.ts'
import { reference, variableFor } from './import/placeholders.ts'
import { readImport } from './import/read.ts'

interface Added {
  readonly source: string
  readonly name: string
  readonly warnings: readonly string[]
  readonly visibility: VisibilityView
}

export function importCommand(program: Command, run: Run): void {
  define(program, run, {
    name: 'import <file>',
    summary: 'Register the servers of a client (Claude, Cursor, VS Code) or of a server.json',
    examples: [
      'sallyport import ~/.cursor/mcp.json --dry-run',
      'sallyport import .vscode/mcp.json',
      'sallyport import server.json',
    ],
    options: [
      new Option('--dry-run', 'print the YAML for sallyport.yaml, store nothing'),
      new Option('--replace', 'overwrite servers that were added before'),
    ],
    values: z.object({ dryRun: z.boolean().default(false), replace: z.boolean().default(false) }),
    run: async (session, [file = ''], { dryRun, replace }) => {
      const read = await readEntries(session, file)
      const entries = read.flatMap((one) => ('spec' in one ? [one] : []))
      const skipped = read.flatMap((one) => ('spec' in one ? [] : [one]))
      return dryRun
        ? showYaml(session, entries, skipped)
        : addAll(session, entries, skipped, replace)
    },
  })
}

async function readEntries({ ports }: Session, file: string) {
  if (/^https?:\/\//i.test(file))
    throw new AdminError(
      'not_yet',
      'Importing from a registry URL is not built yet.',
      'Save the server.json and import the file.',
    )
  const path = resolve(ports.cwd, file)
  const around = { folder: dirname(path), home: ports.env.HOME, variables: ports.env }
  try {
    const read = readImport(await readFile(path, 'utf8'), around)
    if (read !== undefined) return read
  } catch (cause) {
    throw unreadable(file, cause)
  }
  throw new AdminError('failed', `${file} holds no MCP servers.`, `Give a file that is ${forms}.`)
}

const forms = 'mcpServers JSON of Claude or Cursor, mcp.json of VS Code, or a server.json'

function unreadable(file: string, cause: unknown): AdminError {
  const reason = cause instanceof SyntaxError ? `is no JSON: ${cause.message}` : 'cannot be read'
  return new AdminError('failed', `${file} ${reason}.`, `Give a file that is ${forms}.`, { cause })
}

async function addAll(
  session: Session,
  entries: readonly Entry[],
  before: readonly Skipped[],
  replace: boolean,
): Promise<number> {
  const { out } = session
  const client = await session.admin()
  const added: Added[] = []
  const skipped: (Skipped & { readonly code?: string })[] = [...before]
  for (const { source, name, spec, warnings } of entries) {
    try {
      const input = { name, spec, replace, probe: false }
      const answer = await ask(client, addServer, input)
      const moved = answer.secrets.map(
        ({ path, reference: to }) =>
          `${path} holds a secret as it is; it was moved to ${to} (owner only). ${variableText(path, name)} would keep it out of files`,
      )
      const { visibility } = answer
      added.push({
        source,
        name,
        warnings: [...warnings, ...moved, ...answer.warnings],
        visibility,
      })
    } catch (error) {
      if (!(error instanceof AdminError)) throw error
      const issues = error.issues.map((issue) => ` ${issue.path}: ${issue.message}.`).join('')
      skipped.push({ source, reason: `${error.message}${issues}`, code: error.code })
    }
  }
  out.result({ added, skipped }, () => {
    for (const { source, name, warnings } of added) {
      out.line(`added    ${source}${name === source ? '' : ` as ${name}`}`)
      for (const warning of warnings) out.line(`         note: ${warning}`)
    }
    for (const { source, reason } of skipped) out.line(`skipped  ${source}: ${reason}`)
    for (const { name, visibility } of added) showVisibility(out, name, visibility)
    if (added.length > 0) out.line('"sallyport doctor" reaches them and says what is wrong.')
  })
  // What is there already needs no second import.
  return skipped.every(({ code }) => code === 'exists' || code === 'declared') ? 0 : 1
}

function showYaml(
  { out }: Session,
  entries: readonly Entry[],
  skipped: readonly Skipped[],
): number {
  const servers: Record<string, unknown> = {}
  const report = entries.map(({ source, name, spec, warnings }) => {
    const changes: string[] = []
    servers[name] = forFile(name, spec, (text) => changes.unshift(text))
    return { source, name, warnings: [...warnings, ...changes] }
  })
  const yaml = stringify({ servers })
  out.result({ yaml, entries: report, skipped }, () => {
    out.raw(yaml)
    for (const { name, warnings } of report)
      for (const warning of warnings) out.warn(`${name}: ${warning}`)
    for (const { source, reason } of skipped) out.warn(`skipped ${source}: ${reason}`)
  })
  return skipped.length === 0 ? 0 : 1
}

/** The reference that is recommended for a secret, e.g. of `stdio.env.GITHUB_TOKEN`. */
function variableText(path: string, name: string): string {
  const last = path.split('.').slice(2).join('.')
  if (path.startsWith('stdio.env.') && /^[A-Za-z_][A-Za-z0-9_]*$/.test(last)) return reference(last)
  return reference(variableFor(`${name} ${last || 'token'}`))
}

/** A copy in which no secret stands: the YAML is for a file that people commit. */
function forFile(name: string, spec: Entry['spec'], changed: (text: string) => void): unknown {
  const taken = new Map<string, string>()
  return referSecrets(spec, (path, value) => {
    const first = variableText(path, name)
    let variable = first
    // Two secrets of one text need two variables.
    for (let more = 2; (taken.get(variable) ?? value) !== value; more++)
      variable = first.replace('}', `_${more}}`)
    taken.set(variable, value)
    changed(`${path} holds a secret as it is; the YAML has ${variable} in its place`)
    return variable
  })
}
