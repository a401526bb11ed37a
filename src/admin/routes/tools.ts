/** Tools, calls, explanations and the doctor: what asks the running gateway something. */
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { limitPattern } from '../../snapshot/compile.ts'
import { triedView } from '../advice.ts'
import { explain } from '../contract/explain.ts'
import { callTool, diagnose, listTools } from '../contract/servers.ts'
import { fromRefusal, notFound } from '../fault.ts'
import { handle } from '../handle.ts'
import type { AdminPorts } from '../ports.ts'
import { whoSees } from '../who-sees.ts'
import { unknownServer } from './servers.ts'

/** Notes on one conversion that the doctor shows. */
const notesMax = 8

/** Servers that the doctor asks at the same time. */
const doctorsMax = 8

const definition = z.object({
  title: z.string().optional().catch(undefined),
  description: z.string().optional().catch(undefined),
})

export function toolRoutes(app: FastifyInstance, ports: AdminPorts): void {
  handle(app, listTools, async ({ server }) => {
    const { state, catalog } = ports.snapshot()
    if (server !== undefined && !Object.hasOwn(state.servers, server)) throw unknownServer(server)
    const listings = [...catalog.listings.values()].filter(
      (listing) => server === undefined || listing.server === server,
    )
    const items = listings.flatMap((listing) => listing.items.tool)
    return {
      tools: items.map((item) => {
        const { title, description } = definition.parse(JSON.parse(item.raw))
        return {
          server: item.server,
          name: item.name,
          ...(title === undefined ? {} : { title }),
          ...(description === undefined ? {} : { description }),
          // The whole, also where lists show a summary.
          inputSchema: item.inputSchema === undefined ? undefined : JSON.parse(item.inputSchema),
        }
      }),
    }
  })
  handle(app, callTool, ({ key, server, tool, argumentsJson }, _given, _actor, gone) => {
    // Whoever may speak to the administration sees all names.
    if (!Object.hasOwn(ports.snapshot().state.servers, server)) throw unknownServer(server)
    return ports.call({ key, server, tool, argumentsJson }, gone)
  })
  handle(app, explain, async (input) => {
    const principal = /^(key|user):|^(local|owner)$/.test(input.principal)
      ? input.principal
      : `key:${input.principal}`
    const explained = await ports.explain({ ...input, principal })
    if (explained === undefined)
      throw notFound('principal', input.principal, 'Run "sallyport keys ls" to see the keys.')
    const { catalog, state } = ports.snapshot()
    const items = catalog.byServer.get(input.server)
    return {
      ...explained,
      known: items?.[input.kind].has(input.name) ?? false,
      roles: explained.roles.map((role) => ({ ...role, via: [...role.via] })),
      matches: [...explained.matches],
      limits: state.limits.filter(
        ({ tool }) =>
          tool === undefined || limitPattern(tool)(input.kind, input.server, input.name),
      ),
    }
  })
  handle(app, diagnose, ({ server }) => examine(ports, server))
}

async function examine(ports: AdminPorts, only: string | undefined) {
  const { servers } = ports.snapshot().state
  if (only !== undefined && !Object.hasOwn(servers, only)) throw unknownServer(only)
  const queue = Object.entries(servers)
    .filter(([name, spec]) => spec.enabled && (only === undefined || name === only))
    .sort(([a], [b]) => (a < b ? -1 : 1))
  const found = new Map<string, { ms: number; tried: ReturnType<typeof triedView> }>()
  const names = queue.map(([name]) => name)
  const work = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const began = performance.now()
      const tried = triedView(await ports.tryServer(...next))
      found.set(next[0], { ms: Math.round(performance.now() - began), tried })
    }
  }
  await Promise.all(Array.from({ length: doctorsMax }, work))
  return {
    servers: names.flatMap((name) => {
      const result = found.get(name)
      return result === undefined ? [] : [{ name, ...result }]
    }),
    findings: [...findings(ports, only), ...ofConversions(found), ...ofSchemas(found)],
  }
}

/** What servers that are APIs lost of their descriptions, and where their calls cannot go. */
function ofConversions(
  found: ReadonlyMap<string, { readonly tried: ReturnType<typeof triedView> }>,
): Finding[] {
  return [...found].flatMap(([name, { tried }]): Finding[] => {
    const conversion = tried.ok ? tried.conversion : undefined
    if (conversion === undefined) return []
    const { skipped, notes, targets } = conversion
    const others = notes.filter(({ code }) => code !== 'role_too_wide')
    const lost = skipped.filter(({ code }) => code !== 'excluded')
    const [first] = lost
    return [
      ...targets.flatMap(({ url, fault }): Finding[] =>
        fault === undefined
          ? []
          : [
              {
                level: 'fault',
                message: `${name}: calls${url === '' ? '' : ` to ${url}`} cannot be made: ${fault}`,
                wayOut:
                  url === ''
                    ? `Say it: "sallyport add ${name} SOURCE --base-url URL --replace", or in the file.`
                    : 'Check the address and the network, or allow it under egress of the server.',
              },
            ],
      ),
      ...(first === undefined
        ? []
        : [
            {
              level: 'warning' as const,
              message: `${name}: ${lost.length} operations became no tool, e.g. ${first.operation}: ${first.code}: ${first.reason}`,
              wayOut: '"sallyport convert" with the source of the server lists all of them.',
            },
          ]),
      // What the account could do is said with the server itself.
      ...others.slice(0, notesMax).map(({ operation, code, reason, place }) => ({
        level: 'warning' as const,
        message: `${name}: ${operation === '' ? '' : `${operation}: `}${reason}${place === '' ? '' : ` (${place})`}`,
        wayOut:
          code === 'credential_undeclared'
            ? `Set the credential in the entry of ${name}; its value is best a reference.`
            : others.length > notesMax
              ? `One of ${others.length} notes; "sallyport convert" with the source of the server lists all of them.`
              : targets.every(({ fault }) => fault === undefined)
                ? 'Calls work all the same.'
                : 'See first why its calls cannot be made.',
      })),
    ]
  })
}

/** Tools whose arguments the gateway cannot check, or not in full. */
function ofSchemas(
  found: ReadonlyMap<string, { readonly tried: ReturnType<typeof triedView> }>,
): Finding[] {
  return [...found].flatMap(([name, { tried }]) => {
    const schemas = tried.ok ? tried.schemas : []
    const shown = schemas.slice(0, notesMax).map(({ tool, fault, skipped }): Finding => {
      const keywords = skipped.map(
        ({ place, reason }) => `${place === '' ? 'all' : place}: ${reason}`,
      )
      return fault === undefined
        ? {
            level: 'warning',
            message: `${name}: the tool "${tool}" is checked in part; left to the server: ${listed(keywords)}`,
            wayOut: 'Calls work. The maker of the server can mend its schema.',
          }
        : {
            level: 'warning',
            message: `${name}: the tool "${tool}" is listed, but its calls are refused: ${fault}`,
            wayOut: 'The maker of the server must mend its schema.',
          }
    })
    const more = schemas.length - shown.length
    return more <= 0
      ? shown
      : [
          ...shown,
          {
            level: 'warning' as const,
            message: `${name}: ${more} more tools are like this.`,
            wayOut: '"sallyport doctor --json" lists all of them.',
          },
        ]
  })
}

function listed(texts: readonly string[]): string {
  const more = texts.length - notesMax
  return `${texts.slice(0, notesMax).join('; ')}${more > 0 ? `; and ${more} more` : ''}`
}

interface Finding {
  readonly level: 'fault' | 'warning'
  readonly message: string
  readonly wayOut: string
}

function findings(ports: AdminPorts, only: string | undefined): Finding[] {
  const snapshot = ports.snapshot()
  const servers = Object.keys(snapshot.state.servers)
  const listings = [...snapshot.catalog.listings.values()]
  const faults = ports.issues().map(({ path, message, file, line, column }) => ({
    level: 'fault' as const,
    message: `${file === undefined ? '' : `${file}:${line ?? 1}:${column ?? 1} `}${path === '' ? '' : `${path}: `}${message}`,
    wayOut:
      file === undefined
        ? 'All else goes on. Mend what it names.'
        : 'The last good configuration goes on. Mend it; "sallyport check" looks without a start.',
  }))
  const away = ports.store.fault()
  if (away !== undefined) {
    const { message, wayOut } = fromRefusal(away).error
    faults.push({ level: 'fault', message, wayOut })
  }
  for (const message of ports.notKept())
    faults.push({
      level: 'fault',
      message,
      wayOut:
        'It is tried again by itself. Mend the database, or the space and the rights of the data folder.',
    })
  const evidence = ports.audit.state()
  for (const message of evidence.details)
    faults.push({
      level: 'fault',
      message: `The journal: ${message}`,
      wayOut: 'docs/guides/audit.md says what it means and what to do.',
    })
  const leftOut = listings.flatMap(({ server, left }) =>
    left.map(({ kind, name, reason }) => ({
      level: 'warning' as const,
      server,
      message: `the ${kind} "${name}" is not offered: ${reason}`,
      wayOut: 'The maker of the server must mend its definition.',
    })),
  )
  const mended = listings.flatMap(({ server, mended: oddities }) =>
    oddities.map(({ kind, name, reason }) => ({
      level: 'warning' as const,
      server,
      message: `the ${kind} "${name}" is shown otherwise than listed: ${reason}`,
      wayOut: 'Calls work all the same; the maker of the server should mend its definition.',
    })),
  )
  const troubles = listings.flatMap(({ server, downSince, fault }) =>
    downSince !== undefined || fault === undefined
      ? []
      : [
          {
            level: 'warning' as const,
            server,
            message: fault,
            wayOut: 'What else the server has works all the same.',
          },
        ],
  )
  const unseen = servers.flatMap((server) => {
    const tools = snapshot.catalog.listings.get(server)?.items.tool.map((item) => item.name) ?? []
    const { keys, grant } = whoSees(snapshot, server, tools, ports.now())
    if (keys.length > 0) return []
    const message = 'no valid key may use anything there.'
    return [{ level: 'warning' as const, server, message, wayOut: `Run: ${grant.join(' && ')}` }]
  })
  const ofServers = [...troubles, ...leftOut, ...mended, ...unseen]
    .filter(({ server }) => only === undefined || server === only)
    .map(({ server, message, ...rest }) => ({ ...rest, message: `${server}: ${message}` }))
  return [...faults, ...ofServers]
}
