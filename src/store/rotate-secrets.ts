/** A new sealing key for the key ring: recorded, kept in its file, and used. */
import type { RingFile } from '../kit/key-ring.ts'
import type { Change } from '../model/change.ts'
import { GatewayError } from '../model/refusal.ts'
import { changesOf } from './describe-change.ts'
import { rotatedRing, saveRing } from './ring-file.ts'

export interface RotatePorts {
  /** The file of the ring; undefined: it comes from the environment. */
  readonly path: string | undefined
  /** Makes the changes once they are recorded. */
  readonly record: (changes: readonly Change[], make: () => Promise<void>) => Promise<void>
  /** What is sealed from now on is sealed by it. */
  readonly use: (ring: RingFile) => Promise<void>
  readonly now: () => number
}

/** Ids of the key that seals now, and of those that still open. @throws GatewayError params_invalid without a file */
export async function rotateSecrets(
  ports: RotatePorts,
): Promise<{ readonly current: string; readonly kept: readonly string[] }> {
  const { path } = ports
  if (path === undefined)
    throw new GatewayError('params_invalid', {
      hint: 'The key ring comes from SALLYPORT_KEYS; rotate it there.',
    })
  const { before, next } = await rotatedRing(path, ports.now())
  const [current = '', ...kept] = idsOf(next)
  const changes = changesOf('key-ring', 'keys', { keys: idsOf(before) }, { keys: idsOf(next) })
  await ports.record(changes, async () => {
    await saveRing(path, next)
    await ports.use(next)
  })
  return { current, kept }
}

function idsOf(ring: RingFile): string[] {
  return ring.keys.map((key) => key.id)
}
