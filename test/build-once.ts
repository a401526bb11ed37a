/** Builds the product before the first test when a source is newer than the bundle, so that nobody tests yesterday's. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../', import.meta.url))

export function setup(): void {
  if (!isStale()) return
  const built = spawnSync(process.execPath, [join(root, 'scripts/build.mjs')], { stdio: 'inherit' })
  if (built.status !== 0) throw new Error('the product could not be built')
}

function isStale(): boolean {
  const bundle = join(root, 'dist/sallyport.schema.json')
  if (!existsSync(bundle)) return true
  const builtAt = statSync(bundle).mtimeMs
  return readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true }).some(
    (entry) => entry.isFile() && statSync(join(entry.parentPath, entry.name)).mtimeMs > builtAt,
  )
}
