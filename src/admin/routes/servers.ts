/** Servers: what is registered, and adding and removing. */
import type { FastifyInstance } from 'fastify'
import { plainText } from '../../kit/plain-text.ts'
import type { Actor } from '../../model/change.ts'
import { kindOf, type ServerSpec } from '../../model/desired-state.ts'
import { addressOf } from '../address.ts'
import { triedView } from '../advice.ts'
import { AdminError } from '../contract/errors.ts'
import { addServer, listServers, removeServer, type ServerView } from '../contract/servers.ts'
import { notFound, readOnly } from '../fault.ts'
import { type Given, handle } from '../handle.ts'
import type { AdminPorts } from '../ports.ts'
import { dropSecrets, moveSecrets } from '../secret-files.ts'
import { toolsOf, whoSees } from '../who-sees.ts'
import type { Writer } from '../writer.ts'

export function serverRoutes(app: FastifyInstance, ports: AdminPorts, writer: Writer): void {
  handle(app, listServers, async () => ({
    servers: Object.entries(ports.snapshot().state.servers)
      .map(([name, spec]) => viewOf(ports, name, spec))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
  }))
  handle(app, addServer, (input, given, actor) => add(ports, writer, { actor, ...input }, given))
  handle(app, removeServer, async ({ name }, _given, actor) => {
    assertStored(ports, name)
    const warnings = await writer.remove(actor, 'server', name, {
      after: (stored) => dropSecrets(ports.dataDir, name, stored),
    })
    if (warnings === undefined) throw unknownServer(name)
    return { warnings }
  })
}

export function unknownServer(name: string): AdminError {
  return notFound('server', name, 'Run "sallyport ls" to see which there are.')
}

function assertStored(ports: AdminPorts, name: string): void {
  const { file, state } = ports.declared()
  if (Object.hasOwn(state.servers, name)) throw readOnly('server', name, file)
}

interface AddInput {
  readonly actor: Actor
  readonly name: string
  readonly dryRun: boolean
  readonly probe: boolean
  readonly replace: boolean
}

/** Only what can never work is refused; a server that is down at the moment is registered all the same. */
const hopeless: readonly string[] = [
  'not-mcp',
  'command-missing',
  'reference',
  'description',
  'source',
  'egress',
  'not-yet',
]

async function add(ports: AdminPorts, writer: Writer, input: AddInput, given: Given) {
  const { name, dryRun } = input
  assertStored(ports, name)
  if (!input.replace && Object.hasOwn(ports.snapshot().state.servers, name)) throw exists(name)
  const moved = moveSecrets(ports.dataDir, name, given.spec)
  // The spec as given was checked against its schema; probing uses the plain values, before any file exists.
  const tried = input.probe
    ? triedView(await ports.tryServer(name, addServer.input.shape.spec.parse(given.spec)))
    : undefined
  if (tried !== undefined && !tried.ok && !dryRun && hopeless.includes(tried.reason))
    throw new AdminError(
      tried.reason === 'not-yet' ? 'not_yet' : 'unusable',
      `${name}: ${tried.message}`,
      tried.wayOut,
    )
  const warnings: string[] = []
  if (!dryRun) warnings.push(...(await store(ports, writer, input, moved)))
  if (!dryRun && tried?.ok === true) await ports.listed(name)
  if (tried?.ok === false)
    warnings.push(`${tried.message.replace(/(?<![.!?])$/, '.')} ${tried.wayOut}`)
  const snapshot = ports.snapshot()
  const tools = tried?.ok === true ? tried.tools : toolsOf(snapshot, name)
  return {
    name,
    stored: !dryRun,
    ...(tried === undefined ? {} : { tried }),
    visibility: whoSees(snapshot, name, tools, ports.now()),
    secrets: [...moved.secrets],
    warnings,
  }
}

function exists(name: string): AdminError {
  return new AdminError(
    'exists',
    `There is a server "${name}" already.`,
    `Choose another name, or overwrite it with --replace.`,
  )
}

/** The files of its secrets change in the same turn as the server does: another write would take them for left over. */
function store(
  ports: AdminPorts,
  writer: Writer,
  { actor, name, replace }: AddInput,
  moved: ReturnType<typeof moveSecrets>,
): Promise<string[]> {
  return writer.put(actor, 'server', name, moved.spec, {
    before: async (stored) => {
      // It may have come while this one was tried.
      if (stored !== undefined && !replace) throw exists(name)
      await moved.keep()
    },
    after: (stored) => dropSecrets(ports.dataDir, name, stored),
  })
}

function viewOf(ports: AdminPorts, name: string, spec: ServerSpec): ServerView {
  const listing = ports.snapshot().catalog.listings.get(name)
  const { description, enabled } = spec
  const faults = [
    ...(listing?.fault === undefined ? [] : [listing.fault]),
    ...ports
      .issues()
      .flatMap(({ path, message }) =>
        `${path}.`.startsWith(`servers.${name}.`)
          ? `${path.slice(`servers.${name}.`.length)}: ${message}`.replace(/^: /, '')
          : [],
      ),
  ]
  return {
    name,
    kind: kindOf(spec),
    origin: Object.hasOwn(ports.declared().state.servers, name) ? 'declared' : 'stored',
    address: addressOf(spec),
    ...(description === undefined ? {} : { description: plainText(description) }),
    state: enabled ? stateOf(listing) : 'off',
    ...(listing?.facts === undefined
      ? {}
      : { era: listing.facts.era, revision: listing.facts.revision }),
    tools: listing?.items.tool.length ?? 0,
    stale: listing?.downSince !== undefined && listing.listedAt > 0,
    ...(listing?.downSince === undefined ? {} : { downSince: listing.downSince }),
    ...(faults.length === 0 ? {} : { fault: faults.join('; ') }),
    leftOut: [...(listing?.left ?? [])],
  }
}

function stateOf(
  listing: { readonly downSince: number | undefined; readonly listedAt: number } | undefined,
): 'up' | 'down' | 'unseen' {
  if (listing?.downSince !== undefined) return 'down'
  return listing === undefined || listing.listedAt === 0 ? 'unseen' : 'up'
}
