/** API keys: made, listed and revoked. The text of a key is answered once and kept nowhere. */
import type { FastifyInstance } from 'fastify'
import { nearest } from '../../kit/nearest.ts'
import type { Change } from '../../model/change.ts'
import { durationMs, type KeyRow } from '../../model/desired-state.ts'
import { keyId, type Principal } from '../../model/principal.ts'
import { GatewayError } from '../../model/refusal.ts'
import type { Snapshot } from '../../snapshot/compile.ts'
import { changesOf, keyFacts } from '../../store/describe-change.ts'
import { builtInRoles } from '../built-in-roles.ts'
import { AdminError } from '../contract/errors.ts'
import { createKey, type KeyView, listKeys, revokeKey } from '../contract/keys.ts'
import { fromRefusal, notFound } from '../fault.ts'
import { handle } from '../handle.ts'
import { newKey } from '../new-key.ts'
import type { AdminPorts } from '../ports.ts'
import { seenBy } from '../who-sees.ts'
import type { Writer } from '../writer.ts'

export function keyRoutes(app: FastifyInstance, ports: AdminPorts, writer: Writer): void {
  handle(app, listKeys, async () => {
    const { keys } = await ports.store.load()
    return { keys: keys.map((row) => viewOf(row, ports.snapshot(), ports.now())) }
  })
  handle(app, createKey, async (input, _given, actor) => {
    const { name, roles, user, teams, environment, expires } = input
    for (const role of roles) assertRole(ports.snapshot(), role)
    const now = ports.now()
    const expiresAt = expires === undefined ? undefined : now + (durationMs(expires) ?? 0)
    const { key, row } = newKey({ name, roles, user, teams, environment, expiresAt }, now)
    const { keys } = await ports.store.load()
    if (keys.some((other) => other.name === name && stateOf(other, now) === 'valid'))
      throw new AdminError(
        'exists',
        `There is a valid key "${name}" already.`,
        `Choose another name, or run "sallyport keys revoke ${name}" first.`,
      )
    const warnings = await writer.change(
      actor,
      changesOf('key', name, undefined, keyFacts(row)),
      () => ports.store.putKey(row),
      () => ports.store.revokeKey(name, now),
    )
    const snapshot = ports.snapshot()
    const principal = snapshot.identities.principal(keyId(row))
    const sees = principal === undefined ? [] : seenBy(snapshot, principal)
    const bound = principal === undefined ? roles : rolesOf(snapshot, principal)
    return {
      key,
      id: keyId(row),
      name,
      roles: bound,
      ...(expiresAt === undefined ? {} : { expiresAt }),
      sees,
      grant: sees.length > 0 ? [] : [`sallyport rules grant --key ${name} --role all-tools`],
      warnings,
    }
  })
  handle(app, revokeKey, async ({ name }, _given, actor) => {
    const now = ports.now()
    const row = ports.validKey(name, now) ?? (await storedKey(ports, name, now))
    if (row === undefined)
      throw notFound('valid key', name, 'Run "sallyport keys ls" to see the keys.')
    // Said again while the database does not have it yet, it is no other revocation.
    const changes = ports.isRevokedHere(row) ? [] : revocationOf(row)
    const warnings = await ports.underRecord(actor, changes, () => revoke(ports, name, now))
    const { journal } = ports.audit.state()
    if (journal === 'failing' || journal === 'lost') warnings.push(notRecorded(ports.audit))
    return { warnings }
  })
}

/** What becomes of the entry of a revocation that the journal does not take. */
function notRecorded({ state, heldFault }: AdminPorts['audit']): string {
  const begins = 'The revocation is not recorded yet: the journal takes nothing at the moment.'
  const fault = heldFault()
  if (fault !== undefined)
    return `${begins} The data folder does not take its entry either (${fault.message}): it is lost if the gateway ends first.`
  const when = state().journal === 'lost' ? 'by the next start' : 'as soon as the journal takes it'
  return `${begins} Its entry is kept in the data folder and written ${when}.`
}

async function storedKey(
  { store }: AdminPorts,
  name: string,
  now: number,
): Promise<KeyRow | undefined> {
  const { keys } = await store.load()
  return keys.find((key) => key.name === name && stateOf(key, now) === 'valid')
}

function revocationOf(row: KeyRow): readonly Change[] {
  const gone = changesOf('key', row.name, keyFacts(row), undefined)
  return gone.map((change) => ({ ...change, action: 'revoked' }))
}

async function revoke(ports: AdminPorts, name: string, now: number): Promise<string[]> {
  // Refused here before the database is asked, which may be slow or away.
  const here = await ports.revokeHere(name, now)
  let away: GatewayError | undefined
  try {
    const found = await ports.store.revokeKey(name, now)
    if (!found && !here.known)
      throw notFound('valid key', name, 'Run "sallyport keys ls" to see the keys.')
  } catch (fault) {
    if (!here.known || !(fault instanceof GatewayError)) throw fault
    away = fault
  }
  // The database tells of it, too; what does not compile takes the key out all the same.
  if (away === undefined) await ports.apply().catch(() => undefined)
  return notKept(away, here.fault)
}

/** What is missing of a revocation that holds here. */
function notKept(database: GatewayError | undefined, disk: Error | undefined): string[] {
  const folder = `the data folder does not take the revocation (${disk?.message})`
  if (database === undefined)
    return disk === undefined
      ? []
      : [
          `The key is revoked, but ${folder}: a start without the database before it does would take the key. It is tried again by itself.`,
        ]
  const { message } = fromRefusal(database).error
  const others = 'Other nodes take the key until then, and its name cannot be given anew.'
  return disk === undefined
    ? [
        `The key is refused here from now on, also after a start, but the revocation is not in the database yet. ${message} It is stored by itself as soon as that can be done. ${others}`,
      ]
    : [
        `The key is refused from now on, but only as long as this process runs: ${folder}, and it is not in the database yet. ${message} Both are tried again by themselves. ${others}`,
      ]
}

/** @throws AdminError when no such role is defined */
export function assertRole(snapshot: Snapshot, role: string): void {
  const names = [...builtInRoles.keys(), ...Object.keys(snapshot.state.roles)]
  if (names.includes(role)) return
  const meant = nearest(role, names)
  throw notFound(
    'role',
    role,
    meant === undefined
      ? `Make it first: sallyport roles set ${role} --allow 'SERVER/*'`
      : `Did you mean ${meant}? "sallyport roles ls" shows all.`,
  )
}

function rolesOf(snapshot: Snapshot, principal: Principal): string[] {
  return snapshot.engine.roleSetOf(principal).split(',').filter(Boolean)
}

function stateOf(row: KeyRow, now: number): KeyView['state'] {
  if (row.revokedAt !== undefined) return 'revoked'
  return row.expiresAt !== undefined && row.expiresAt <= now ? 'expired' : 'valid'
}

function viewOf(row: KeyRow, snapshot: Snapshot, now: number): KeyView {
  const { name, hint, user, environment, createdAt, expiresAt } = row
  const principal = snapshot.identities.principal(keyId(row))
  return {
    id: keyId(row),
    name,
    hint,
    state: stateOf(row, now),
    roles: [...row.roles],
    allRoles: principal === undefined ? [] : rolesOf(snapshot, principal),
    ...(user === undefined ? {} : { user }),
    teams: [...row.teams],
    ...(environment === undefined ? {} : { environment }),
    createdAt,
    ...(expiresAt === undefined ? {} : { expiresAt }),
  }
}
