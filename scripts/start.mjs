// `npm start`: installs, builds and runs the gateway on the quickstart. Arguments after -- go to `sallyport up`.
import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { ensureInstalled } from './install.mjs'
import { projectNode, root } from './project-node.mjs'
import { isStale } from './stale.mjs'

ensureInstalled(['sallyport'])
const node = projectNode()
// A gateway that runs loads parts of the bundle when it needs them, so what is current stays as it is.
if (isStale()) {
  process.stderr.write('Building ... (some seconds)\n')
  const built = spawnSync(node, [join(root, 'scripts/build.mjs')], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (built.status !== 0) process.exit(built.status ?? 1)
}

process.stderr.write(
  'Starting the gateway ... (a first start makes its database, which takes some seconds)\n',
)
const given = process.argv.slice(2)
const config = given.includes('--config')
  ? []
  : ['--config', join(root, 'examples/quickstart/sallyport.yaml')]
const child = spawn(
  node,
  ['--max-semi-space-size=8', join(root, 'dist/bin.mjs'), 'up', ...config, ...given],
  {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, PATH: `${join(root, 'node_modules/.bin')}:${process.env.PATH}` },
  },
)
let told = false
const tell = (signal) => {
  told = true
  child.kill(signal)
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => tell(signal === 'SIGHUP' ? 'SIGTERM' : signal))
// npm ends without telling: whoever is left without a parent stops too.
const parent = process.ppid
setInterval(() => {
  // A second signal would end what still runs.
  if (process.ppid !== parent && !told) tell('SIGTERM')
}, 1_000).unref()
child.on('exit', (code, signal) => process.exit(code ?? (signal === null ? 0 : 1)))
