/** A copy of the built gateway, so that a build during the run changes nothing. */
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** Folder of a run below `test/.work`, on the real disk, empty. */
export function workFolder(root: string): string {
  const folder = join(root, 'test/.work', `bench-${process.pid}`)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  return folder
}

export function copyBundle(root: string, work: string): string {
  const dist = join(root, 'dist')
  if (!existsSync(join(dist, 'sallyport.mjs'))) throw new Error('Nothing is built: npm run build.')
  const bundle = join(work, 'dist')
  mkdirSync(bundle)
  for (const name of readdirSync(dist))
    if (name !== 'node_modules') cpSync(join(dist, name), join(bundle, name), { recursive: true })
  return bundle
}
