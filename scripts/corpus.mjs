// `npm run corpus`: measures what the committed descriptions become, and fails when a figure is worse than the
// committed one; UPDATE_CORPUS=1 writes them. `npm run corpus -- FOLDER` measures somebody's own. Runs on Node 20.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { ensureInstalled } from './install.mjs'
import { projectNode, root } from './project-node.mjs'

ensureInstalled(['sallyport', 'sallyport-test', 'sallyport-test-apis'])
const result = spawnSync(
  projectNode(),
  ['--max-old-space-size=4000', join(root, 'test/apis/corpus/run.ts'), ...process.argv.slice(2)],
  { stdio: 'inherit', env: { ...process.env, NODE_NO_WARNINGS: '1' } },
)
process.exit(result.status ?? 1)
