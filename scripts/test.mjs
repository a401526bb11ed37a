// `npm test`: installs what the tests need, checks, and runs the suite. `--long` runs what takes longer as well.
// The last line is "N passed, M failed, K skipped".
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { ensureInstalled } from './install.mjs'
import { layMysql } from './mysql.mjs'
import { projectNode, root } from './project-node.mjs'

const long = process.argv.includes('--long')
const files = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
ensureInstalled(['sallyport', 'sallyport-test', 'sallyport-test-apis'])
installDebian()
if (process.env.CI === 'true' && process.platform === 'linux') {
  const why = layMysql()
  if (why !== undefined)
    process.stderr.write(`MySQL could not be had, its tests are skipped: ${why}\n`)
}
const node = projectNode()
const environment = {
  ...process.env,
  PATH: `${join(root, 'node_modules/.bin')}:${process.env.PATH}`,
  NODE_NO_WARNINGS: '1',
}

let failed = 0
let passed = 0
step('build', [join(root, 'scripts/build.mjs')])
if (files.length === 0) step('check', [join(root, 'scripts/check.mjs')])
const report = join(root, 'test/.work/report.json')
mkdirSync(join(root, 'test/.work'), { recursive: true })
rmSync(report, { force: true })
const vitest = [
  join(root, 'node_modules/vitest/vitest.mjs'),
  'run',
  ...(long ? ['--config', 'vitest.long.config.ts'] : []),
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${report}`,
  ...files,
]
const run = spawnSync(node, vitest, {
  cwd: root,
  stdio: ['ignore', 'inherit', 'inherit'],
  env: environment,
})
let skipped = 0
if (existsSync(report)) {
  const counts = JSON.parse(readFileSync(report, 'utf8'))
  passed += counts.numPassedTests
  failed += counts.numFailedTests
  skipped += counts.numPendingTests + (counts.numTodoTests ?? 0)
  // A file that cannot be loaded has no tests to count.
  if (run.status !== 0 && counts.numFailedTests === 0)
    failed += Math.max(1, counts.numFailedTestSuites ?? 1)
} else failed++
process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`)
process.exit(failed === 0 && run.status === 0 ? 0 : 1)

function step(name, args) {
  const result = spawnSync(node, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: environment,
  })
  if (result.status === 0) passed++
  else {
    process.stdout.write(`${name} failed\n`)
    failed++
  }
}

/** On a build machine, as root, tests may install the Debian packages that they run against. */
function installDebian() {
  if (process.env.CI !== 'true' || process.platform !== 'linux' || process.getuid?.() !== 0) return
  if (!existsSync('/usr/bin/apt-get')) return
  const wanted = [
    { name: 'postgresql', program: '/usr/lib/postgresql/15/bin/postgres' },
    { name: 'mariadb-server', program: '/usr/sbin/mariadbd' },
    { name: 'openssl', program: '/usr/bin/openssl' },
  ].filter(({ program }) => !existsSync(program))
  if (wanted.length === 0) return
  const apt = (args) =>
    spawnSync('apt-get', args, {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    })
  apt(['update', '-q'])
  const names = wanted.map(({ name }) => name)
  if (apt(['install', '-y', '-q', '--no-install-recommends', ...names]).status !== 0)
    process.stderr.write(
      `${names.join(', ')} could not be installed; the tests that need them say so.\n`,
    )
}
