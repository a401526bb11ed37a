import { existsSync } from 'node:fs'
import { isAbsolute, resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { z } from 'zod'
import { type AdminClient, ask } from '../admin/contract/client.ts'
import { type ConversionView, convertServer } from '../admin/contract/convert.ts'
import { AdminError } from '../admin/contract/errors.ts'
import { addServer, type VisibilityView } from '../admin/contract/servers.ts'
import { terminalValue } from '../kit/terminal-text.ts'
import { durationMs, serverKinds } from '../model/desired-state.ts'
import { define, type Run, type Session, UsageError } from './command.ts'
import { showAccount, showRoot } from './convert.ts'
import { counted, type Output } from './output.ts'
import {
  collect,
  detectFrom,
  kindNamed,
  pair,
  sourceOptions,
  sourceValues,
  sourceWords,
} from './source.ts'

/** Names that are printed. */
const namesMax = 30

type SpecInput = z.input<typeof addServer.input>['spec']

const values = sourceValues.extend({
  env: z.array(z.string()).default([]),
  era: z.enum(['auto', 'legacy', 'modern']).optional(),
  description: z.string().optional(),
  kind: z.string().optional(),
  inherit: z.array(z.string()).default([]),
  timeout: z
    .string()
    .refine((text) => durationMs(text) !== undefined, 'must be a duration such as 90s or 5m')
    .optional(),
  dryRun: z.boolean().default(false),
  replace: z.boolean().default(false),
  probe: z.boolean().default(true),
})
type AddOptions = z.output<typeof values>

export function addCommand(program: Command, run: Run): void {
  define(program, run, {
    name: 'add <name> [target...]',
    summary: 'Register an MCP server or an API: NAME SOURCE, or NAME -- COMMAND ARG...',
    examples: [
      'sallyport add files -- npx -y @modelcontextprotocol/server-filesystem ./docs',
      `sallyport add github https://api.example.com/mcp --bearer '\${GITHUB_TOKEN}'`,
      'sallyport add pets https://api.example.com/openapi.json --dry-run',
      "sallyport add shop https://shop.example.com/graphql --include 'query *'",
      `sallyport add crm '\${CRM_URL}' --kind sql`,
    ],
    options: [
      new Option('--env <K=V>', 'variable for the process; repeat').argParser(collect),
      new Option('--inherit <name...>', 'variables of the gateway that the process gets as well'),
      new Option('--timeout <duration>', 'how long a call may take, e.g. 90s'),
      ...sourceOptions(),
      new Option('--era <era>', 'protocol era of the server').choices(['auto', 'legacy', 'modern']),
      new Option('--description <text>', 'what it is for'),
      new Option('--kind <kind>', `${serverKinds.join(', ')} (default: detected)`),
      new Option('--dry-run', 'connect and report, store nothing'),
      new Option('--replace', 'overwrite a server that was added before'),
      new Option('--no-probe', 'do not connect before'),
    ],
    values,
    words: sourceWords,
    run: async (session, args, options) => {
      const { out } = session
      const name = args[0] ?? ''
      const { dryRun, replace, probe } = options
      const own = commandOf(session, args, options)
      const client = await session.admin()
      const { spec, what } = own ?? (await sourceOf(session, client, args, options))
      const asked = ask(client, addServer, { name, spec, dryRun, replace, probe })
      const answer = await out.during(`connecting to ${name}`, asked)
      for (const warning of answer.warnings) out.warn(warning)
      for (const { path, reference } of answer.secrets)
        out.warn(
          `${path} holds a secret as it is; ${dryRun ? 'it would move' : 'it was moved'} to ${reference} (owner only). A reference to a variable keeps it out of files.`,
        )
      out.result(answer, () => {
        const { tried } = answer
        if (tried?.ok === true) {
          out.line(
            tried.conversion === undefined
              ? `${name} speaks MCP ${tried.revision} (${tried.era}).`
              : `${name} is ${what}: ${tried.conversion.title} ${tried.conversion.version}`,
          )
          out.line(`${counted(tried.tools.length, 'tool')}${listed(tried.tools)}`)
          if (tried.conversion !== undefined) showAccount(out, tried.conversion)
          for (const left of tried.leftOut)
            out.line(`left out: ${terminalValue(left.name)} (${left.reason})`)
        }
        out.line(answer.stored ? `Registered ${name}.` : 'Dry run: nothing was stored.')
        showVisibility(out, name, answer.visibility)
      })
      return dryRun && answer.tried?.ok === false ? 1 : 0
    },
  })
}

/** Says who can see a server, and which commands let one more key see it. */
export function showVisibility(out: Output, name: string, { keys, grant }: VisibilityView): void {
  if (keys.length === 0) {
    out.line(`No key can see ${name} yet. To let one see it:`)
    for (const command of grant) out.line(`  ${command}`)
    return
  }
  const shown = keys.map((key) => `${key.name} (${key.rule})`).join(', ')
  out.line(`Keys that can see ${name}: ${shown}`)
}

/** Shows the first of many names. */
function listed(tools: readonly string[]): string {
  if (tools.length === 0) return ''
  const more = tools.length - namesMax
  return `: ${tools.slice(0, namesMax).map(terminalValue).join(', ')}${more > 0 ? `, and ${more} more` : ''}`
}

interface Source {
  readonly spec: SpecInput
  readonly what: string
}

/** A server that is a process; undefined when there is no `--`. */
function commandOf(
  { afterDashes, ports, out }: Session,
  args: readonly string[],
  options: AddOptions,
): Source | undefined {
  if (options.kind !== undefined && options.kind !== 'stdio') kindNamed(options.kind)
  const target = args.slice(1, args.length - (afterDashes?.length ?? 0))
  if (afterDashes !== undefined) {
    const [command, ...rest] = afterDashes
    if (command === undefined || target.length > 0) throw howTo('Write the command after --.')
    const env = variables(options)
    const path = pathAmong([command, ...rest, ...Object.values(env)], ports.cwd)
    const cwd = path === undefined ? {} : { cwd: ports.cwd }
    if (path !== undefined)
      out.remark(`The program starts in ${ports.cwd}, since ${path} is a path there.`)
    const { inherit } = options
    const spec = { ...about(options), stdio: { command, args: rest, env, inherit, ...cwd } }
    return { spec, what: 'a process' }
  }
  if (target.length === 0) throw howTo('Say what to register.')
  if (target.length > 1) throw howTo('A command stands after --.')
  if (options.kind === 'stdio') throw howTo('A process is a command after --.')
  if (options.env.length + options.inherit.length > 0)
    throw new UsageError(
      'A remote server takes no variables.',
      "Give --bearer or --header 'Name: value'.",
    )
  return undefined
}

/** A word that names a file or folder from the folder in which it was typed; the gateway runs in another one. */
function pathAmong(words: readonly string[], cwd: string): string | undefined {
  return words
    .map((word) => /^--?[\w-]+=(.*)$/s.exec(word)?.[1] ?? word)
    .find(
      (word, index) =>
        /^\.{1,2}([\\/]|$)/.test(word) ||
        // The name of a program alone is looked for on PATH.
        ((index > 0 || /[\\/]/.test(word)) &&
          word !== '' &&
          !isAbsolute(word) &&
          existsSync(resolve(cwd, word))),
    )
}

/** Whatever is no process: an MCP server behind a URL, or an API. */
async function sourceOf(
  { ports, out }: Session,
  client: AdminClient,
  args: readonly string[],
  options: AddOptions,
): Promise<Source> {
  const source = args[1] ?? ''
  if (/^https?:\/\//i.test(source) && !URL.canParse(source))
    throw howTo(`"${source}" is no valid URL.`)
  // Without a probe nothing is asked of a URL, so it is taken for what most URLs are.
  const isBlind = !options.probe && /^https?:\/\//i.test(source)
  const kind = options.kind === undefined ? (isBlind ? 'http' : undefined) : kindNamed(options.kind)
  const detected = await out.during(
    `looking at ${source}`,
    detectFrom(client, { source, kind, cwd: ports.cwd, options }),
  )
  const given: SpecInput = { ...about(options), ...detected.spec }
  if (detected.kind === 'http' || detected.kind === 'stdio') {
    assertPlain(options)
    return { spec: given, what: detected.what }
  }
  if (!options.probe) return { spec: given, what: detected.what }
  const view = await out.during(
    `converting ${source}`,
    ask(client, convertServer, { spec: given }).catch((fault: unknown) => {
      // Down at the moment is no reason not to register; the look before storing says so.
      if (fault instanceof AdminError && fault.code === 'away') return undefined
      throw fault
    }),
  )
  if (view === undefined) return { spec: given, what: detected.what }
  showRoot(out, view)
  const isUrl = /^https?:\/\//i.test(source)
  return { spec: isUrl ? pinned(given, view) : rooted(given, view), what: detected.what }
}

function assertPlain({ baseUrl, root, include, exclude, schemas }: AddOptions): void {
  const isGiven = [baseUrl, root, schemas].some((value) => value !== undefined)
  if (isGiven || include.length + exclude.length > 0)
    throw new UsageError(
      'An MCP server takes no --base-url, --root, --include, --exclude or --schemas.',
      'If it is an API, say so: --kind openapi, graphql, soap ...',
    )
}

/**
 * Writes down where the calls of a description behind a URL go. Whoever adds it sees the addresses; a later version of
 * the description cannot send calls, and the credential with them, anywhere else.
 */
function pinned(spec: SpecInput, view: ConversionView): SpecInput {
  const targets = view.targets.filter(({ url }) => url !== '')
  const { openapi, soap, asyncapi } = spec
  const [target, ...more] = targets
  if (target === undefined) return spec
  if (more.length > 0) {
    const hosts = [...new Set(targets.flatMap(({ url }) => URL.parse(url)?.hostname ?? []))]
    const { egress } = spec
    return { ...spec, egress: { ...egress, hosts: [...(egress?.hosts ?? []), ...hosts] } }
  }
  const { url } = target
  if (openapi !== undefined) return { ...spec, openapi: { baseUrl: url, ...openapi } }
  if (soap !== undefined) return { ...spec, soap: { endpoint: url, ...soap } }
  if (asyncapi !== undefined) return { ...spec, asyncapi: { url, ...asyncapi } }
  return spec
}

/** Writes down the folder that the references of a description lead to, so that none leads further later. */
function rooted(spec: SpecInput, { root }: ConversionView): SpecInput {
  if (root === undefined) return spec
  const { openapi, soap, grpc, asyncapi } = spec
  return {
    ...spec,
    ...(openapi === undefined ? {} : { openapi: { ...openapi, root } }),
    ...(soap === undefined ? {} : { soap: { ...soap, root } }),
    ...(grpc === undefined ? {} : { grpc: { ...grpc, root } }),
    ...(asyncapi === undefined ? {} : { asyncapi: { ...asyncapi, root } }),
  }
}

function about({
  description,
  era,
  timeout,
  schemas,
}: AddOptions): Pick<SpecInput, 'description' | 'era' | 'timeout' | 'schemas'> {
  return {
    ...(description === undefined ? {} : { description }),
    ...(era === undefined ? {} : { era }),
    ...(timeout === undefined ? {} : { timeout }),
    ...(schemas === undefined ? {} : { schemas }),
  }
}

function howTo(message: string): UsageError {
  return new UsageError(
    message,
    'sallyport add NAME SOURCE (a URL, a description of an API, or a database), or sallyport add NAME -- COMMAND ARG...',
  )
}

function variables({ env, header, bearer }: AddOptions): Record<string, string> {
  if (header.length > 0 || bearer !== undefined)
    throw new UsageError('A process takes no headers.', 'Give --env KEY=VALUE.')
  return Object.fromEntries(env.map((text) => pair(text, /^([^=\s]+)=(.*)$/s, '--env KEY=VALUE')))
}
