/** Roles and who holds them. */
import type { FastifyInstance } from 'fastify'
import type { AccessSpec } from '../../model/desired-state.ts'
import { builtInRoles } from '../built-in-roles.ts'
import { type AccessView, grantAccess, listAccess, removeAccess } from '../contract/access.ts'
import { AdminError } from '../contract/errors.ts'
import { listRoles, removeRole, setRole } from '../contract/roles.ts'
import { notFound, readOnly } from '../fault.ts'
import { handle } from '../handle.ts'
import { ofNoServer } from '../of-no-server.ts'
import type { AdminPorts } from '../ports.ts'
import type { Writer } from '../writer.ts'
import { assertRole } from './keys.ts'

export function ruleRoutes(app: FastifyInstance, ports: AdminPorts, writer: Writer): void {
  const assertStored = (name: string) => {
    if (builtInRoles.has(name))
      throw new AdminError(
        'built_in',
        `The role "${name}" is built in and cannot be changed.`,
        'Choose another name.',
      )
    const { file, state } = ports.declared()
    if (Object.hasOwn(state.roles, name)) throw readOnly('role', name, file)
  }
  handle(app, listRoles, async () => {
    const declared = ports.declared().state.roles
    const builtIn = [...builtInRoles].map(([name, role]) => ({
      name,
      origin: 'built-in' as const,
      description: role.description,
      allow: [...role.allow],
      deny: [],
    }))
    const others = Object.entries(ports.snapshot().state.roles).map(([name, role]) => ({
      name,
      origin: Object.hasOwn(declared, name) ? ('declared' as const) : ('stored' as const),
      ...role,
    }))
    return { roles: [...builtIn, ...others] }
  })
  handle(app, setRole, async ({ name, spec }, given, actor) => {
    assertStored(name)
    const warnings = await writer.put(actor, 'role', name, given.spec)
    return { warnings: [...warnings, ...ofNoServer(ports, [...spec.allow, ...spec.deny])] }
  })
  handle(app, removeRole, async ({ name }, _given, actor) => {
    assertStored(name)
    const holders = await holdersOf(ports, name)
    if (holders.length > 0)
      throw new AdminError(
        'in_use',
        `The role "${name}" is held by ${holders.join(', ')}.`,
        'Take it from them first: "sallyport rules remove ID" or "sallyport keys revoke NAME".',
      )
    const warnings = await writer.remove(actor, 'role', name)
    if (warnings === undefined) throw notFound('role', name, 'Run "sallyport roles ls".')
    return { warnings }
  })
  accessRoutes(app, ports, writer)
}

async function holdersOf(ports: AdminPorts, role: string): Promise<string[]> {
  const { keys } = await ports.store.load()
  const now = ports.now()
  const holding = keys.filter(
    (key) =>
      key.revokedAt === undefined &&
      (key.expiresAt === undefined || key.expiresAt > now) &&
      key.roles.includes(role),
  )
  const entries = ports.snapshot().state.access.filter((entry) => entry.roles.includes(role))
  return [...holding.map((key) => `key ${key.name}`), ...entries.map(whoOf)]
}

/** Whom an entry speaks of. */
function whoOf({ key, user, team, environments }: AccessSpec): string {
  const who = Object.entries({ key, user, team }).flatMap(([kind, name]) =>
    name === undefined ? [] : [`${kind} ${name}`],
  )
  return who.join(' + ') || `everybody in ${environments?.join(', ') ?? ''}`
}

function accessRoutes(app: FastifyInstance, ports: AdminPorts, writer: Writer): void {
  handle(app, listAccess, async () => {
    const declared = ports
      .declared()
      .state.access.map((entry): AccessView => ({ origin: 'declared', ...entry }))
    const rows = await ports.store.list('access')
    const stored = rows.map(
      ({ name, value }): AccessView => ({
        id: name,
        origin: 'stored',
        ...grantAccess.input.shape.spec.parse(value),
      }),
    )
    return { access: [...declared, ...stored] }
  })
  handle(app, grantAccess, async ({ spec }, given, actor) => {
    const snapshot = ports.snapshot()
    for (const role of spec.roles) assertRole(snapshot, role)
    const warnings = await writer.put(actor, 'access', '', given.spec)
    const names = snapshot.identities.principals().map((principal) => principal.name)
    if (spec.key !== undefined && !names.includes(spec.key))
      warnings.push(
        `There is no key "${spec.key}" yet; make it with "sallyport keys create ${spec.key}".`,
      )
    return { warnings }
  })
  handle(app, removeAccess, async ({ id }, _given, actor) => {
    const warnings = await writer.remove(actor, 'access', id)
    if (warnings !== undefined) return { warnings }
    throw notFound(
      'stored access entry',
      id,
      'Run "sallyport rules ls" for the ids; declared entries have none and change in their file.',
    )
  })
}
