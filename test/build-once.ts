/** Builds the product before the first test when a source is newer than the bundle, so that nobody tests yesterday's. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isStale } from '../scripts/stale.mjs'

const root = fileURLToPath(new URL('../', import.meta.url))

export function setup(): void {
  if (!isStale()) return
  const built = spawnSync(process.execPath, [join(root, 'scripts/build.mjs')], { stdio: 'inherit' })
  if (built.status !== 0) throw new Error('the product could not be built')
}
