// Whether the bundle is older than what it is made of.
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './project-node.mjs'

/** True when a source, the build or the package changed since `dist/` was written, whose last file is the schema. */
export function isStale() {
  const bundle = join(root, 'dist/sallyport.schema.json')
  if (!existsSync(bundle)) return true
  const builtAt = statSync(bundle).mtimeMs
  const isNewer = (path) => statSync(path).mtimeMs > builtAt
  return (
    ['scripts/build.mjs', 'package-lock.json'].some((path) => isNewer(join(root, path))) ||
    readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true }).some(
      (entry) => entry.isFile() && isNewer(join(entry.parentPath, entry.name)),
    )
  )
}
