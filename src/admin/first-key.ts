import type { Actor, UnderRecord } from '../model/change.ts'
import { changesOf, keyFacts } from '../store/describe-change.ts'
import type { Store } from '../store/store.ts'
import { newKey } from './new-key.ts'

/**
 * The first key of a gateway, when there is none yet: its text is answered, to be shown once; stored is a hash.
 * Rejects with GatewayError when it can be neither recorded nor stored.
 */
export async function makeFirstKey(
  store: Pick<Store, 'load' | 'putKey'>,
  underRecord: UnderRecord,
  actor: Actor,
): Promise<string | undefined> {
  const state = await store.load()
  if (state.keys.length > 0) return undefined
  const { key, row } = newKey(
    {
      name: 'first',
      roles: ['owner', 'all-tools'],
      user: undefined,
      teams: [],
      environment: undefined,
      expiresAt: undefined,
    },
    Date.now(),
  )
  const changes = changesOf('key', row.name, undefined, keyFacts(row))
  await underRecord(actor, changes, () => store.putKey(row))
  return key
}
