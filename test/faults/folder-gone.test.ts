// A data folder that is deleted under a running gateway must not keep it, or its database, alive.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { builtProgram } from '../built.ts'
import { eventually } from '../e2e/client.ts'

/** The database is a process of its own. */
function childrenOf(pid: number | undefined): readonly number[] {
  if (process.platform !== 'linux') {
    process.stdout.write(
      '  children are looked for on Linux only: elsewhere only the gateway itself is held to its end\n',
    )
    return []
  }
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
  expect(children[0]).not.toBe('')
  return children.map(Number)
}

test('a stop after that says what is wrong, ends the database and ends', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-gone-'))
  await chmod(folder, 0o755)
  const child = spawn(process.execPath, [builtProgram, 'up', '--data', folder, '--port', '0'], {
    cwd: tmpdir(),
    env: { PATH: '/usr/bin:/bin', NODE_NO_WARNINGS: '1' },
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let said = ''
  child.stderr.on('data', (piece) => (said += String(piece)))
  await new Promise<void>((resolve) => {
    let out = ''
    child.stdout.on('data', (piece) => {
      out += String(piece)
      if (out.includes('is ready at')) resolve()
    })
  })
  const database = childrenOf(child.pid)
  const closed = once(child, 'close')
  // The database goes on writing into it meanwhile.
  await rm(folder, { recursive: true, force: true, maxRetries: 50, retryDelay: 10 })
  child.kill('SIGTERM')
  const [code] = await closed
  expect(code).toBe(1)
  expect(said).toContain('error:')
  for (const pid of database)
    await eventually(async () => {
      try {
        return !process.kill(pid, 0)
      } catch {
        return true
      }
    })
})
