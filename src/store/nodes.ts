/** The table of nodes: heartbeats of this node, and who else lives. Times are the database's own, so that clocks do not matter. */
import { type Kysely, sql } from 'kysely'
import type { NodeBeat, NodeRow } from './store.ts'
import type { Tables } from './tables.ts'

/** Rows of nodes that never said goodbye are kept so long. */
const forgetAfterMs = 86_400_000
const nodesMax = 256

/**
 * Says that a node lives. The row of a node that another start holds is taken over on the first beat, and later only
 * when that start is silent: of two gateways on copies of one data folder the newer one has the name.
 */
export async function beat(
  db: Kysely<Tables>,
  { node, boot, address, seal, leaving, first, deadAfterMs }: NodeBeat,
): Promise<{ readonly accepted: boolean; readonly nodes: readonly NodeRow[] }> {
  const now = sql<Date>`now()`
  const row = { boot, address, seal, leaving, seen_at: now }
  const written = await db
    .insertInto('nodes')
    .values({ node, ...row })
    .onConflict((conflict) =>
      conflict
        .column('node')
        .doUpdateSet(row)
        .where((of) =>
          of.or([
            of.val(first),
            of('nodes.boot', '=', boot),
            of('nodes.seen_at', '<', ago(deadAfterMs)),
          ]),
        ),
    )
    .returning('node')
    .execute()
  await db.deleteFrom('nodes').where('seen_at', '<', ago(forgetAfterMs)).execute()
  const nodes = await db
    .selectFrom('nodes')
    .select(['node', 'boot', 'address', 'seal', 'leaving'])
    .where('seen_at', '>=', ago(deadAfterMs))
    .orderBy('node')
    .limit(nodesMax)
    .execute()
  return { accepted: written.length > 0, nodes }
}

/** Takes a node's row away, if it is still that of this start. */
export async function leave(db: Kysely<Tables>, node: string, boot: string): Promise<void> {
  await db.deleteFrom('nodes').where('node', '=', node).where('boot', '=', boot).execute()
}

const ago = (ms: number) => sql<Date>`now() - ${ms} * interval '1 millisecond'`
