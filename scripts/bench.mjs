// `npm run bench`: installs the gateways of test/bench, builds, and measures them beside ours.
// Arguments after -- go to test/bench/run.ts; --profile [...] runs test/bench/profile.ts. Plain JavaScript that runs on Node 20.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensureInstalled } from './install.mjs'
import { projectNode, root } from './project-node.mjs'

if (process.platform !== 'linux') {
  process.stderr.write(
    'The benchmark reads CPU time and memory from /proc: it runs on Linux only.\n',
  )
  process.exit(2)
}
if (!existsSync(join(root, 'node_modules', 'fastify'))) ensureInstalled(['sallyport'])
if (missing().length > 0) install()
const given = process.argv.slice(2)
const profile = given.includes('--profile')
if (!given.includes('--no-build')) build()
const script = join(root, 'test/bench', profile ? 'profile.ts' : 'run.ts')
const args = given.filter((arg) => arg !== '--profile' && arg !== '--no-build')
const result = spawnSync(projectNode(), [script, ...args], {
  cwd: root,
  stdio: ['ignore', 'inherit', 'inherit'],
  env: { ...process.env, NODE_NO_WARNINGS: '1' },
})
process.exit(result.status ?? 1)

function build() {
  const { status } = spawnSync(projectNode(), [join(root, 'scripts/build.mjs')], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (status === 0) return
  process.stderr.write('The build failed; nothing is measured.\n')
  process.exit(1)
}

/** The dependencies of the workspace that are not there in exactly the pinned version. */
function missing() {
  const { dependencies } = JSON.parse(readFileSync(join(root, 'test/bench/package.json'), 'utf8'))
  return Object.entries(dependencies).filter(([name, version]) => {
    const file = ['test/bench', 'test', '.']
      .map((folder) => join(root, folder, 'node_modules', name, 'package.json'))
      .find(existsSync)
    return file === undefined || JSON.parse(readFileSync(file, 'utf8')).version !== version
  })
}

/** As the lockfile says, without changing it. A gateway that is missing in spite of it is a row without figures. */
function install() {
  process.stderr.write('Installing the gateways of the benchmark ...\n')
  const args = [
    'install',
    '--workspace',
    'sallyport-bench',
    '--no-save',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--prefer-offline',
    '--loglevel',
    'error',
  ]
  const { status } = spawnSync('npm', args, {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, SCARF_ANALYTICS: 'false' },
  })
  const left = missing().map(([name, version]) => `${name} ${version}`)
  if (status !== 0 || left.length > 0)
    process.stderr.write(
      `npm could not install ${left.join(', ') || 'the workspace'}; going on without. Run "npm ${args.join(' ')}" to see why.\n`,
    )
}
