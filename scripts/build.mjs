// Makes the publishable package in dist/: the program, its documents, and the schema of sallyport.yaml, which the program writes.

import { spawnSync } from 'node:child_process'
import { cpSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { bundle } from './bundle.mjs'
import { projectNode, root } from './project-node.mjs'

await bundle(join(root, 'dist'))
for (const file of ['LICENSE', 'README.md'])
  if (existsSync(join(root, file))) cpSync(join(root, file), join(root, 'dist', file))
const schema = spawnSync(
  projectNode(),
  [join(root, 'dist/bin.mjs'), 'schema', '--out', join(root, 'dist/sallyport.schema.json')],
  { stdio: 'inherit' },
)
if (schema.status !== 0) process.exit(schema.status ?? 1)
