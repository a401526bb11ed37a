/**
 * Golden files: each `import/NAME.json` is a file as its product writes it, `import/NAME.expected` what becomes
 * of it. `UPDATE_GOLDEN=1` writes the expected files anew; review them as a diff.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readImport } from '../../src/cli/import/read.ts'
import { standIn } from './stand-in.ts'

const folder = join(import.meta.dirname, 'import')
// biome-ignore lint/style/noProcessEnv: a switch for whoever runs the tests
const update = process.env['UPDATE_GOLDEN'] === '1'

for (const file of (await readdir(folder)).filter((name) => /\.jsonc?$/.test(name)))
  test(`import reads ${file}`, async () => {
    const text = await readFile(join(folder, file), 'utf8')
    const around = { folder: '/home/ann/project/.cursor', home: '/home/ann', variables: {} }
    const read = `${JSON.stringify(readImport(text, around), undefined, 2)}\n`
    const golden = join(folder, file.replace(/\.jsonc?$/, '.expected'))
    if (update) await writeFile(golden, read)
    expect(read).toBe(await readFile(golden, 'utf8'))
  })

test('a dry run prints YAML without secrets, and stores nothing', async () => {
  const { cli, ports } = await standIn()
  const { code, stdout, stderr } = await cli([
    'import',
    join(folder, 'claude-desktop.json'),
    '--dry-run',
  ])
  expect(code).toBe(1)
  expect(stdout).toContain('servers:\n  filesystem:\n    stdio:\n      command: npx\n')
  expect(stdout).toContain(`GITHUB_TOKEN: $${'{GITHUB_TOKEN}'}`)
  expect(stdout + stderr).not.toContain('ghp_plain')
  expect(stderr).toContain('skipped shell: it runs a line of a shell')
  expect(await ports.store.list('server')).toEqual([])
})

test('an import reports each entry, keeps secrets out of the store, and may be run again', async () => {
  const { cli, ports } = await standIn()
  const file = join(folder, 'cursor.json')
  const first = await cli(['import', file])
  expect([first.code, first.stderr]).toEqual([0, ''])
  expect(first.stdout).toContain('added    remote')
  expect(first.stdout).toContain('"envFile" was not taken over')
  expect(first.stdout).toContain('http.headers.X-Api-Key holds a secret as it is; it was moved')
  expect(first.stdout).toContain('No key can see remote yet')
  expect(JSON.stringify(await ports.store.load())).not.toContain('abc123')
  const again = await cli(['import', file, '--json'])
  expect([again.code, JSON.parse(again.stdout).added]).toEqual([0, []])
  expect((await cli(['import', file, '--replace'])).stdout).toContain('added    remote')
  const mixed = await cli(['import', join(folder, 'claude-desktop.json')])
  expect([mixed.code, mixed.stdout]).toEqual([1, expect.stringContaining('as github-tools')])
})

test.each([
  ['no.json', undefined, 'cannot be read'],
  ['bad.json', '{', 'is no JSON'],
  ['other.json', '{"a": 1}', 'holds no MCP servers'],
  ['empty.json', '{}', 'holds no MCP servers'],
])('import refuses %s', async (name, text, message) => {
  const { cli, dir } = await standIn()
  if (text !== undefined) await writeFile(join(dir, name), text)
  const { code, stderr } = await cli(['import', name])
  expect([code, stderr]).toEqual([1, expect.stringContaining(message)])
})

test('import of a registry URL is not built yet, and says so', async () => {
  const { cli } = await standIn()
  const { code, stderr } = await cli('import https://registry.example/v0.1/servers/x')
  expect([code, stderr]).toEqual([1, expect.stringContaining('Save the server.json')])
})
