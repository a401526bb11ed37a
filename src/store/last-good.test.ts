import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { StoredState } from '../model/desired-state.ts'
import { readLastGood, writeLastGood } from './last-good.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-last-good-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const state: StoredState = {
  servers: { crm: { http: { url: 'https://crm.example/mcp' } } },
  toolsets: {},
  roles: { support: { allow: ['crm/*'] } },
  access: [{ team: 'red', roles: ['support'] }],
  limits: [],
  keys: [
    {
      name: 'ci',
      hash: 'a'.repeat(64),
      hint: 'sp_abc',
      roles: ['support'],
      user: undefined,
      teams: [],
      environment: undefined,
      createdAt: 1,
      expiresAt: undefined,
      revokedAt: undefined,
    },
  ],
  version: 7,
}

test('what was written is read again, from a file that only its owner may read', async () => {
  const path = join(folder, 'last-good.json')
  expect(await readLastGood(path)).toBeUndefined()
  await writeLastGood(path, { ...state, version: 6 })
  await writeLastGood(path, state)
  expect(await readLastGood(path)).toEqual(state)
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  expect(await readdir(folder)).toEqual(['last-good.json'])
})

test.each([
  '',
  '{}',
  '{"format":1,"digest":"x","state":"{}"}',
  '{"format":2,"digest":"x","state":"{}"}',
])('a damaged file is not believed: %s', async (content) => {
  const path = join(folder, 'damaged.json')
  await writeFile(path, content)
  await expect(readLastGood(path)).rejects.toThrow()
})
