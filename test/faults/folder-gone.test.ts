// A data folder that is deleted under a running gateway must not keep it, or its database, alive.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const mainFile = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

test('a stop after that says what is wrong, ends the database and ends', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-gone-'))
  await chmod(folder, 0o755)
  const child = spawn(process.execPath, [mainFile, 'up', '--data', folder, '--port', '0'], {
    cwd: tmpdir(),
    env: { PATH: '/usr/bin:/bin', NODE_NO_WARNINGS: '1' },
  })
  let said = ''
  child.stderr.on('data', (piece) => (said += String(piece)))
  await new Promise<void>((resolve) => {
    let out = ''
    child.stdout.on('data', (piece) => {
      out += String(piece)
      if (out.includes('is ready at')) resolve()
    })
  })
  const closed = once(child, 'close')
  await rm(folder, { recursive: true, force: true })
  child.kill('SIGTERM')
  const [code] = await closed
  expect(code).toBe(1)
  expect(said).toContain('error:')
  // Nothing of it holds the pipe of what it says any more, its database included.
  expect(child.stderr.destroyed || child.stderr.readableEnded).toBe(true)
}, 60_000)
