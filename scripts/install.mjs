// Installs what a command needs and nothing more. Plain JavaScript that runs on Node 20.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './project-node.mjs'

const stampFile = join(root, 'node_modules', '.sallyport-installed.json')
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'

/** Makes sure that the named workspaces (beside the product itself) are installed as the lockfile says. */
export function ensureInstalled(workspaces) {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
  const stamp = readStamp()
  const have = stamp.lock === lock ? stamp.workspaces : []
  if (stamp.lock === lock && workspaces.every((name) => have.includes(name))) return
  const wanted = [...new Set([...have, ...workspaces])]
  process.stderr.write(
    `Installing (${['the product', ...wanted.filter((name) => name !== 'sallyport')].join(', ')}) ... (up to some minutes the first time)\n`,
  )
  const began = performance.now()
  const args = [
    'ci',
    '--include-workspace-root',
    '--no-audit',
    '--no-fund',
    '--prefer-offline',
    '--loglevel',
    'error',
    ...wanted.flatMap((name) => ['--workspace', name]),
  ]
  const result = spawnSync(npm, args, {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, SCARF_ANALYTICS: 'false' },
  })
  if (result.status !== 0) {
    process.stderr.write(
      `npm ci failed with status ${result.status}. Run "npm ${args.join(' ')}" to see why.\n`,
    )
    process.exit(1)
  }
  process.stderr.write(`Installed in ${Math.round((performance.now() - began) / 1_000)} s.\n`)
  mkdirSync(join(root, 'node_modules'), { recursive: true })
  writeFileSync(stampFile, JSON.stringify({ lock, workspaces: wanted }))
}

function readStamp() {
  if (!existsSync(stampFile)) return { lock: '', workspaces: [] }
  try {
    return JSON.parse(readFileSync(stampFile, 'utf8'))
  } catch {
    return { lock: '', workspaces: [] }
  }
}
