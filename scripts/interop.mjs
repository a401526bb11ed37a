// `npm run interop`: installs the clients and servers of test/interop, and runs each client against each server
// through the gateway. Arguments after -- go to test/interop/run.ts. Plain JavaScript that runs on Node 20.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectNode, root } from './project-node.mjs'

const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'

if (!existsSync(join(root, 'node_modules', 'fastify'))) {
  const { ensureInstalled } = await import('./install.mjs')
  ensureInstalled(['sallyport'])
}
if (missing().length > 0) install()
const result = spawnSync(
  projectNode(),
  [join(root, 'test/interop/run.ts'), ...process.argv.slice(2)],
  {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, NODE_NO_WARNINGS: '1' },
  },
)
process.exit(result.status ?? 1)

/** The dependencies of the workspace that are not there in exactly the pinned version. */
function missing() {
  const { devDependencies } = JSON.parse(
    readFileSync(join(root, 'test/interop/package.json'), 'utf8'),
  )
  return Object.entries(devDependencies).filter(([name, spec]) => {
    const file = [
      join(root, 'test/interop/node_modules', name, 'package.json'),
      join(root, 'node_modules', name, 'package.json'),
    ].find(existsSync)
    return (
      file === undefined ||
      JSON.parse(readFileSync(file, 'utf8')).version !== spec.slice(spec.lastIndexOf('@') + 1)
    )
  })
}

/** As the lockfile says, without changing it; install scripts are left out, since some download browsers. */
function install() {
  process.stderr.write('Installing the clients and servers of the interop run ...\n')
  const args = [
    'install',
    '--workspace',
    'sallyport-interop',
    '--no-save',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--prefer-offline',
    '--loglevel',
    'error',
  ]
  const { status } = spawnSync(npm, args, {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, SCARF_ANALYTICS: 'false', PUPPETEER_SKIP_DOWNLOAD: 'true' },
    shell: process.platform === 'win32',
  })
  const left = missing().map(([name, version]) => `${name} ${version}`)
  if (status === 0 && left.length === 0) return
  process.stderr.write(
    `npm could not install ${left.join(', ') || 'the workspace'}. Run "npm ${args.join(' ')}" to see why.\n`,
  )
  process.exit(1)
}
