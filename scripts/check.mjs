// `npm run check`: format and lint, types, import directions, unused code. The gates of every commit.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { projectNode, root } from './project-node.mjs'

const bin = (name) => join(root, 'node_modules', '.bin', name)
const gates = [
  ['format and lint', bin('biome'), ['check', '--error-on-warnings']],
  ['types', bin('tsc'), ['-p', root]],
  [
    'import directions',
    bin('depcruise'),
    ['--config', join(root, '.dependency-cruiser.cjs'), 'src'],
  ],
  ['unused code', bin('knip'), []],
]
let failed = 0
for (const [name, command, args] of gates) {
  const result = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, PATH: `${join(root, 'node_modules/.bin')}:${process.env.PATH}` },
    shell: process.platform === 'win32',
  })
  const ok = result.status === 0
  process.stdout.write(`${ok ? 'ok    ' : 'FAILED'} ${name}\n`)
  if (!ok) {
    failed++
    process.stdout.write(`${result.stdout ?? ''}${result.stderr ?? ''}\n`)
  }
}
void projectNode
process.exit(failed === 0 ? 0 : 1)
