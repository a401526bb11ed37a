/** Writes that come at once do not undo each other, and what is stored and cannot be used keeps nothing else back. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { runCommand } from '../cli/built-commands.ts'
import { eventually } from './client.ts'
import { startGateway, type TestGateway } from './gateway.ts'
import { secret } from './secret-scan.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-writers-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const run = (dataDir: string, ...words: string[]) =>
  runCommand([...words, '--data', dataDir], { cwd: folder })

const adding = ['add', 'r', 'http://127.0.0.1:9/mcp', '--replace', '--no-probe', '--header']

it('servers that are replaced at once leave the one secret that is stored', async () => {
  const gateway = await startGateway({ config: {} })
  onTestFinished(() => gateway.stop())
  const tokens = [1, 2, 3, 4].map((n) => secret(`t0ken-of-writer-${n}`))
  const ran = await Promise.all(
    tokens.map((token) => run(gateway.dataDir, ...adding, `Authorization: Bearer ${token}`)),
  )
  expect(ran.map(({ code }) => code)).toEqual([0, 0, 0, 0])
  const files = await readdir(join(gateway.dataDir, 'secrets'))
  expect(files).toHaveLength(1)
  await gateway.restart()
  await untilWritable(gateway)
  expect((await run(gateway.dataDir, 'ls')).stdout).not.toContain('cannot be read')
})

/** The database comes after the doors. */
async function untilWritable({ url }: TestGateway): Promise<void> {
  await eventually(async () => {
    const answer = await fetch(new URL('/readyz', url))
    return (await answer.text()).includes('"administration":"ok"')
  })
}

it('a stored server whose secret is gone is left out of a start, which tells of it', async () => {
  const gateway = await startGateway({ config: 'environment: here\n' })
  onTestFinished(() => gateway.stop())
  const header = `Authorization: Bearer ${secret('t0ken-that-is-lost')}`
  expect((await run(gateway.dataDir, ...adding, header)).code).toBe(0)
  expect((await run(gateway.dataDir, 'keys', 'create', 'ann')).code).toBe(0)
  await rm(join(gateway.dataDir, 'secrets'), { recursive: true })
  await gateway.restart()
  await untilWritable(gateway)
  for (const command of ['ls', 'doctor']) {
    const { stdout, stderr } = await run(gateway.dataDir, command)
    const said = stdout + stderr
    expect(said).toContain('cannot be read')
    expect(said).toContain('sallyport remove r')
    expect(said).not.toContain('sallyport.yaml')
  }
  const revoked = await run(gateway.dataDir, 'keys', 'revoke', 'ann')
  expect([revoked.code, revoked.stderr]).toEqual([0, ''])
  expect((await run(gateway.dataDir, ...adding, header)).code).toBe(0)
  expect((await run(gateway.dataDir, 'ls')).stdout).not.toContain('cannot be read')
  await rm(join(gateway.dataDir, 'secrets'), { recursive: true })
  await gateway.restart()
  await untilWritable(gateway)
  expect((await run(gateway.dataDir, 'remove', 'r')).code).toBe(0)
})
