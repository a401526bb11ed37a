/** What the quickstart keeps lies in its data folder, so that users and instances on one machine share nothing. */
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { eventually } from '../e2e/client.ts'
import { runCommand, startCommand } from './built-commands.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

it('keeps its memory in the data folder', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-quickstart-'))
  await cp(join(root, 'examples/quickstart'), folder, { recursive: true })
  const options = {
    cwd: folder,
    env: { PATH: `${join(root, 'node_modules/.bin')}:/usr/local/bin:/usr/bin:/bin` },
  }
  const place = ['--data', 'kept']
  expect((await runCommand(['check', ...place], options)).stdout).toContain('is good')
  const child = startCommand(['up', '--port', '0', ...place], options)
  child.stderr.resume()
  let said = ''
  child.stdout.on('data', (chunk) => (said += String(chunk)))
  await eventually(async () => said.includes('audit verify'))
  const entity = { name: 'Ada', entityType: 'person', observations: ['writes programs'] }
  const words = ['memory.create_entities', JSON.stringify({ entities: [entity] })]
  const called = await runCommand(['call', ...words, ...place], options)
  expect([called.code, called.stderr]).toEqual([0, ''])
  expect(await readFile(join(folder, 'kept/memory.json'), 'utf8')).toContain('"Ada"')
  child.kill('SIGTERM')
  await eventually(async () => child.exitCode !== null)
  await rm(folder, { recursive: true, force: true })
})
