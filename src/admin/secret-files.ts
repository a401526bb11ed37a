/**
 * Takes plain secrets out of a server's spec: each moves to a file of its own that only the owner can read,
 * and a reference takes its place: `file:PATH` for a whole value, `${file:PATH}` within one. The store holds references alone.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { replaceFile } from '../kit/durable-file.ts'
import { withReferences } from '../store/plain-secrets.ts'

interface MovedSecret {
  /** Dotted path in the spec. */
  readonly path: string
  readonly reference: string
}

export interface Moved {
  readonly spec: unknown
  readonly secrets: readonly MovedSecret[]
  /** Writes the files. */
  keep(): Promise<void>
}

/** Plans the move; nothing is written before `keep`. */
export function moveSecrets(dataDir: string, server: string, spec: unknown): Moved {
  const folder = join(dataDir, 'secrets')
  const files = new Map<string, string>()
  const secrets: MovedSecret[] = []
  const copy = withReferences(spec, ({ path, whole }, value) => {
    // A new name each time, so that a write that is taken back leaves the earlier value alone.
    const id = randomBytes(4).toString('hex')
    const file = join(folder, `${server}.${encodeURIComponent(path.at(-1) ?? '')}.${id}`)
    const reference = whole ? `file:${file}` : `\${file:${file}}`
    files.set(file, value)
    secrets.unshift({ path: path.join('.'), reference })
    return reference
  })
  return {
    spec: copy,
    secrets,
    async keep() {
      if (files.size === 0) return
      await mkdir(folder, { recursive: true, mode: 0o700 })
      for (const [file, value] of files) await replaceFile(file, value)
    },
  }
}

/** Deletes a server's files, except those that a spec still names. */
export async function dropSecrets(dataDir: string, server: string, spec?: unknown): Promise<void> {
  const folder = join(dataDir, 'secrets')
  const named = spec === undefined ? '' : JSON.stringify(spec)
  for (const file of await readdir(folder).catch(() => []))
    if (file.startsWith(`${server}.`) && !named.includes(file))
      await rm(join(folder, file), { force: true })
}
