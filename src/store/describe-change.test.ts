// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references are shown as they are
import { expect, test } from 'vitest'
import type { ChangedObject } from '../model/change.ts'
import { changesOf, keyFacts } from './describe-change.ts'

const hex = '9f8e7d6c5b4a39281706f5e4d3c2b1a0'

test.each<[ChangedObject, unknown, unknown, unknown, unknown]>([
  ['role', undefined, { allow: ['a/*'] }, {}, { allow: ['a/*'] }],
  [
    'role',
    { allow: ['a/*', 'b/*'] },
    { allow: ['b/*', 'c/*'] },
    { allow: ['a/*'] },
    { allow: ['c/*'] },
  ],
  ['role', { allow: ['a/*', 'b/*'] }, { allow: ['a/*'] }, { allow: ['b/*'] }, {}],
  [
    'role',
    { allow: ['a/*', 'b/*'] },
    { allow: ['b/*', 'a/*'] },
    { allow: ['a/*', 'b/*'] },
    { allow: ['b/*', 'a/*'] },
  ],
  [
    'role',
    undefined,
    { allow: ['resource:docs/file:///home/*', 'resource:web/https://u:p@h/x?token=abc*'] },
    {},
    { allow: ['resource:docs/file:///home/*', 'resource:web/https://***@h/x?***'] },
  ],
  ['access', { key: 'ann', roles: ['x'] }, undefined, { key: 'ann', roles: ['x'] }, {}],
  [
    'limit',
    { calls: '6/minute' },
    { calls: '7/minute' },
    { calls: '6/minute' },
    { calls: '7/minute' },
  ],
  [
    'server',
    { http: { url: 'https://u:p@h/a?k=1', headers: { 'X.Key': 'one' } } },
    { http: { url: 'https://u:q@h/a?k=2', headers: { 'X.Key': 'two' } } },
    { 'http.url': 'https://h/a?***', 'http.headers.X\\.Key': '***' },
    { 'http.url': 'https://h/a?***', 'http.headers.X\\.Key': '***' },
  ],
  [
    'server',
    undefined,
    { http: { url: `https://h/s/${hex}/mcp` }, description: `see https://u:p@h/?a=b for ${hex}` },
    {},
    { 'http.url': 'https://h/s/***/mcp', description: 'see https://h/?*** for ***' },
  ],
  [
    'server',
    undefined,
    {
      stdio: {
        command: 'x',
        args: ['--token', 'short', '--key=${file:/d/k}', 'y'],
        env: { A: 'b' },
      },
    },
    {},
    {
      'stdio.command': 'x',
      'stdio.args': ['--token', '***', '--key=***', 'y'],
      'stdio.env.A': '***',
    },
  ],
  [
    'server',
    { sql: { url: 'postgres://u:p/a@x y@db.example/crm' } },
    { sql: { url: '${CRM_URL}' } },
    { 'sql.url': 'postgres://db.example/crm' },
    { 'sql.url': '${CRM_URL}' },
  ],
  [
    'server',
    { credential: { basic: { username: 'ann', password: 'pw' } } },
    { credential: { oauth: { clientId: 'id', clientSecret: 's', scopes: ['a'] } } },
    { 'credential.basic.username': '***', 'credential.basic.password': '***' },
    {
      'credential.oauth.clientId': '***',
      'credential.oauth.clientSecret': '***',
      'credential.oauth.scopes': ['***'],
    },
  ],
  [
    'server',
    { defaults: { workspace: 42, filter: {} } },
    { defaults: { workspace: 43, apikey: 'abc' }, fixed: { pin: 1234, many: [{ a: 'b' }] } },
    { 'defaults.workspace': 42, 'defaults.filter': '{}' },
    {
      'defaults.workspace': 43,
      'defaults.apikey': '***',
      'fixed.pin': '***',
      'fixed.many.0.a': '***',
    },
  ],
  [
    'setting',
    { host: '127.0.0.1', port: 1 },
    { port: 2 },
    { host: '127.0.0.1', port: 1 },
    { port: 2 },
  ],
])('%s %j -> %j', (object, was, is, before, after) => {
  expect(changesOf(object, 'x', was, is)).toMatchObject([{ object, name: 'x', before, after }])
})

test('what is the same is no change, and a dot in a name hides none', () => {
  expect(changesOf('role', 'x', { allow: ['a/*'] }, { allow: ['a/*'] })).toEqual([])
  const nested = { defaults: { a: { b: 1 }, 'a.b': 2 } }
  const other = { defaults: { a: { b: 3 }, 'a.b': 2 } }
  expect(changesOf('server', 'x', nested, other)).toMatchObject([
    { before: { 'defaults.a.b': 1 }, after: { 'defaults.a.b': 3 } },
  ])
})

test('of a key neither hash nor beginning is told', () => {
  const hash = 'ab'.repeat(32)
  const row = {
    name: 'ann',
    hash,
    hint: 'sp_abcdef',
    roles: ['x'],
    user: undefined,
    teams: [],
    environment: 'prod',
    createdAt: 1,
    expiresAt: undefined,
    revokedAt: undefined,
  }
  const text = JSON.stringify(changesOf('key', 'ann', undefined, keyFacts(row)))
  expect(text).not.toContain(hash)
  expect(text).not.toContain('sp_')
  expect(text).toMatch(
    /"after":\{"id":"[0-9a-f]{32}","roles":\["x"\],"teams":\[\],"environment":"prod"\}/,
  )
})
