/** The package that users install, without a clone: packed, run by npx in an empty folder, on the oldest Node and on this one. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'

const dist = fileURLToPath(new URL('../../dist/', import.meta.url))
const systemdAnalyze = '/usr/bin/systemd-analyze'
/** The oldest that `engines` allows. */
const oldest = '22.18.0'

let folder = ''
let archive = ''

const npm = (args: readonly string[], cwd: string): void => {
  const ran = spawnSync('npm', [...args, '--no-audit', '--no-fund'], { cwd, encoding: 'utf8' })
  if (ran.status !== 0) throw new Error(ran.stderr)
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-package-'))
  await chmod(folder, 0o755)
  npm(['pack', '--pack-destination', folder], dist)
  archive = (await readdir(folder)).find((name) => name.endsWith('.tgz')) ?? ''
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function nodeFolder(version: string | undefined): Promise<string> {
  if (version === undefined) return dirname(process.execPath)
  const place = join(folder, 'node')
  await mkdir(place)
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
  npm(['install', `${name}@${version}`], place)
  return join(place, 'node_modules', name, 'bin')
}

it.each([undefined, oldest])('runs on Node %s', async (version) => {
  const bin = await nodeFolder(version)
  const empty = join(folder, `empty-${version ?? 'this'}`)
  await mkdir(empty)
  // biome-ignore lint/style/noProcessEnv: npm finds its registry and its cache there
  const env = { ...process.env, PATH: `${bin}:/usr/local/bin:/usr/bin:/bin` }
  const npx = (...words: string[]) =>
    spawn('npx', ['--yes', join('..', archive), ...words], { cwd: empty, env, detached: true })
  const up = npx('up', '--port', '0', '--json')
  let said = ''
  up.stderr.on('data', (chunk) => {
    said += String(chunk)
  })
  for await (const chunk of up.stdout) {
    said += String(chunk)
    if (said.includes('"key"')) break
  }
  expect(said).toMatch(/"endpoint":"http:\/\/127\.0\.0\.1:\d+\/mcp","key":"sp_/)
  const closed = once(up, 'close')
  const keys = npx('keys', 'ls')
  let listed = ''
  for await (const chunk of keys.stdout) listed += String(chunk)
  expect(listed).toContain('first')
  process.kill(-(up.pid ?? 0), 'SIGTERM')
  await closed
  expect(await readdir(empty)).toEqual(['.sallyport'])
})

it('has a unit that systemd understands', (context) => {
  const file = fileURLToPath(new URL('../../deploy/sallyport.service', import.meta.url))
  const ran = spawnSync(systemdAnalyze, ['verify', file], { encoding: 'utf8' })
  if (ran.error !== undefined) return context.skip('systemd-analyze is not installed')
  expect([ran.status, ran.stderr]).toEqual([0, ''])
})
