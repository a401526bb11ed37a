/** A start that something keeps for ever: it says what, or it ends when it is told to. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { writeLastGood } from '../../src/store/last-good.ts'
import { runCommand, startCommand } from '../cli/built-commands.ts'
import { until } from '../patience.ts'

const nobody = { DATABASE_URL: 'postgres://127.0.0.1:9/nobody' }

/** A folder in which a gateway was, so that it starts without the database; and a pipe that nobody writes to. */
async function folderWithPipe(name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-pipe-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, name)
  await mkdir(dirname(path), { recursive: true })
  await mkdir(join(folder, 'data'), { recursive: true })
  execFileSync('/usr/bin/mkfifo', [path])
  const nothing = { servers: {}, toolsets: {}, roles: {}, access: [], limits: [], keys: [] }
  await writeLastGood(join(folder, 'data', 'last-good.json'), { ...nothing, version: 1 })
  return folder
}

const up = (folder: string): string[] => [
  'up',
  ...['--data', join(folder, 'data'), '--port', '0', '--insecure-local'],
]

test.each([
  'revoked.json',
  'node',
  'keys',
  'declared.sealed',
  'journal/manifest.json',
  'journal.anchor',
])('%s as a pipe is refused with its path', async (name) => {
  const folder = await folderWithPipe(`data/${name}`)
  const { code, stderr } = await runCommand(up(folder), { cwd: folder, env: nobody })
  expect([code, stderr]).toEqual([
    1,
    expect.stringContaining(`${join(folder, 'data', name)} is no regular file.`),
  ])
})

/** Each but the first is sent when it cannot pass for the one before. */
async function endedBy(...signals: readonly NodeJS.Signals[]): Promise<unknown> {
  const folder = await folderWithPipe('sallyport.yaml')
  const config = join(folder, 'sallyport.yaml')
  const child = startCommand([...up(folder), '--config', config], { cwd: folder, env: nobody })
  const closed = once(child, 'close')
  await until(() => existsSync(join(folder, 'data', 'lock')))
  for (const [index, signal] of signals.entries()) {
    if (index > 0) await delay(sameSignalMs)
    child.kill(signal)
  }
  await closed
  return child.signalCode
}
/** Above what the program takes for one wish. */
const sameSignalMs = 700

test('a start that hangs ends with the second signal', async () => {
  expect(await endedBy('SIGTERM', 'SIGTERM')).toBe('SIGTERM')
  expect(await endedBy('SIGINT', 'SIGINT')).toBe('SIGINT')
})

test('a start that hangs ends some time after the first signal', async () => {
  expect(await endedBy('SIGTERM')).toBe('SIGTERM')
})
