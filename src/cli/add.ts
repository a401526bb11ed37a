import { access } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { z } from 'zod'
import { ask } from '../admin/contract/client.ts'
import { AdminError } from '../admin/contract/errors.ts'
import { addServer, type VisibilityView } from '../admin/contract/servers.ts'
import { define, type Run, type Session, UsageError } from './command.ts'
import type { Output } from './output.ts'

type SpecInput = z.input<typeof addServer.input>['spec']

const values = z.object({
  env: z.array(z.string()).default([]),
  header: z.array(z.string()).default([]),
  bearer: z.string().optional(),
  era: z.enum(['auto', 'legacy', 'modern']).optional(),
  description: z.string().optional(),
  kind: z.string().optional(),
  dryRun: z.boolean().default(false),
  replace: z.boolean().default(false),
  probe: z.boolean().default(true),
})
type AddOptions = z.output<typeof values>

/** For options that may be given again; unlike a variadic option it takes one word each time. */
export function collect(word: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), word]
}

export function addCommand(program: Command, run: Run): void {
  define(program, run, {
    name: 'add <name> [target...]',
    summary: 'Register a server: NAME URL, or NAME -- COMMAND ARG...',
    examples: [
      'sallyport add files -- npx -y @modelcontextprotocol/server-filesystem ./docs',
      `sallyport add github https://api.example.com/mcp --bearer '\${GITHUB_TOKEN}'`,
      'sallyport add github https://api.example.com/mcp --dry-run',
    ],
    options: [
      new Option('--env <K=V>', 'variable for the process; repeat').argParser(collect),
      new Option('--header <K: V>', 'header for the server; repeat').argParser(collect),
      new Option('--bearer <reference>', 'bearer token, best as a reference to a variable or file'),
      new Option('--era <era>', 'protocol era of the server').choices(['auto', 'legacy', 'modern']),
      new Option('--description <text>', 'what it is for'),
      new Option('--kind <kind>', 'stdio or http (default: detected)'),
      new Option('--dry-run', 'connect and report, store nothing'),
      new Option('--replace', 'overwrite a server that was added before'),
      new Option('--no-probe', 'do not connect before'),
    ],
    values,
    run: async (session, args, options) => {
      const { out } = session
      const name = args[0] ?? ''
      const spec = await specOf(session, args, options)
      const { dryRun, replace, probe } = options
      const client = await session.admin()
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
          out.line(`${name} speaks MCP ${tried.revision} (${tried.era}).`)
          const tools = tried.tools.length === 0 ? '' : `: ${tried.tools.join(', ')}`
          out.line(`${tried.tools.length} tools${tools}`)
          for (const left of tried.leftOut) out.line(`left out: ${left.name} (${left.reason})`)
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

async function specOf(
  session: Session,
  args: readonly string[],
  options: AddOptions,
): Promise<SpecInput> {
  const { afterDashes } = session
  const { description, era } = options
  const common = {
    ...(description === undefined ? {} : { description }),
    ...(era === undefined ? {} : { era }),
  }
  const target = args.slice(1, args.length - (afterDashes?.length ?? 0))
  assertKind(options.kind)
  if (afterDashes !== undefined) {
    const [command, ...rest] = afterDashes
    if (command === undefined || target.length > 0) throw howTo('Write the command after --.')
    return { ...common, stdio: { command, args: rest, env: variables(options) } }
  }
  const [url, ...more] = target
  if (url === undefined) throw howTo('Say what to register.')
  if (more.length > 0) throw howTo('A command stands after --.')
  if (/^https?:\/\//i.test(url)) return { ...common, ...httpOf(url, options) }
  await assertNoSpecification(session, url)
  throw howTo(`"${url}" is neither a URL nor a command after --.`)
}

function howTo(message: string): UsageError {
  return new UsageError(message, 'sallyport add NAME URL, or sallyport add NAME -- COMMAND ARG...')
}

function variables({ env, header, bearer }: AddOptions): Record<string, string> {
  if (header.length > 0 || bearer !== undefined)
    throw new UsageError('A process takes no headers.', 'Give --env KEY=VALUE.')
  return Object.fromEntries(env.map((text) => pair(text, /^([^=\s]+)=(.*)$/s, '--env KEY=VALUE')))
}

function httpOf(url: string, { env, header, bearer }: AddOptions): Pick<SpecInput, 'http'> {
  if (env.length > 0)
    throw new UsageError(
      'A remote server takes no variables.',
      "Give --bearer or --header 'Name: value'.",
    )
  if (!URL.canParse(url)) throw howTo(`"${url}" is no valid URL.`)
  const headers = Object.fromEntries(
    header.map((text) => pair(text, /^([^:\s]+):\s*(.*)$/s, "--header 'Name: value'")),
  )
  return { http: { url, headers }, ...(bearer === undefined ? {} : { credential: { bearer } }) }
}

function pair(text: string, form: RegExp, example: string): [string, string] {
  const match = form.exec(text)
  if (match?.[1] === undefined) throw new UsageError(`"${text}" is not a pair.`, example)
  return [match[1], match[2] ?? '']
}

const converters = ['openapi', 'graphql', 'soap', 'grpc', 'asyncapi', 'sql', 'websocket']

function assertKind(kind: string | undefined): void {
  if (kind === undefined || kind === 'stdio' || kind === 'http') return
  if (converters.includes(kind)) throw notYet(`Registering ${kind} is not built yet`)
  throw new UsageError(`There is no kind "${kind}".`, 'The kinds are stdio and http.')
}

/** API descriptions and database URLs are for converters, which this version does not have. */
async function assertNoSpecification({ ports }: Session, target: string): Promise<void> {
  const isOtherUrl = /^[a-z][a-z0-9+.-]*:\/\//i.test(target)
  const isDescription = /\.(json|ya?ml|wsdl|xml|proto|graphqls?|gql|sql)$/i.test(target)
  const isFile = await access(resolve(ports.cwd, target)).then(
    () => true,
    () => false,
  )
  if (isOtherUrl || isDescription || isFile)
    throw notYet(`${target} is no MCP server, and converting other descriptions is not built yet`)
}

function notYet(what: string): AdminError {
  return new AdminError(
    'not_yet',
    `${what}: converters come in a later version.`,
    'Register an MCP server: a URL, or a command after --. For a file of MCP servers: sallyport import FILE.',
  )
}
