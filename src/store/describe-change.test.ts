// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references are shown as they are
import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import type { ChangedObject } from '../model/change.ts'
import { changesOf, keyFacts } from './describe-change.ts'

const args = (...given: string[]) => ({ stdio: { command: 'x', args: given } })

const places = (secret: string): unknown[] => [
  args('--token', secret),
  args(`--token=${secret}`),
  args('--any', secret),
  args(secret),
  args('-H', `X-Key: ${secret}`),
  args('sh', '-c', `x --pin ${secret}`),
  args(`{"a":"${secret}"}`),
  args(
    `https://u:${secret}@h.example/x`,
    `https://h/${secret.replaceAll('/', '_')}`,
    `https://h/?a=${secret}`,
  ),
  { sql: { url: `postgres://u:${secret}@h/x` } },
  { description: `See ${secret}, or password: ${secret}` },
  { defaults: { token: { v: secret } } },
  { http: { url: 'https://h', headers: { 'X-Key': secret } } },
]

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

test.each<[string, unknown]>([
  ['an address', { sql: { url: 'postgres://app:hunter2SECRET#x@db/x' } }],
  ['a port', { sql: { url: 'postgres://app:12345/SECRET@db/x' } }],
  ['an option with an address', args('--config=https://u:pSECRET#q@h/x')],
  ['a header', args('Authorization: Bearer SECRET\n')],
  ['a description of lines', { description: 'one\nAuthorization: Bearer SECRET\ntwo' }],
  ['an option', args('--passphrase', 'SECRET')],
  ['an unknown option', args('--phrase', 'SECRET')],
  ['user and password', args('-u', 'user:SECRET')],
  ['JSON', args('{"password":"SECRET"}')],
  ['JSON in a description', { description: 'use {"password": "SECRET"}' }],
  [
    'a known value',
    { stdio: { command: 'x', args: ['SECRET', 'aSECRETb'], env: { A: 'SECRET' } } },
  ],
  ['bearer', args('--bearer', 'SECRET')],
  ['pin', args('--pin', 'SECRET')],
  ['creds', args('--creds', 'u:SECRET')],
  ['a member', args('password: SECRET')],
  ['a script', args('sh', '-c', 'x --token SECRET')],
  ['a quoted value', args('TOKEN="a SECRET"')],
  ['basic', args(`Basic ${btoa('u:SECRET')}`)],
  ['glued', args('-pSECRET')],
  ['a key', args('-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----')],
  ['a nested member', { defaults: { nested: { token: { v: 'SECRET' } } } }],
  ['a name', { stdio: { command: 'x', env: { ghp_0123456789SECRETabcdefg0: 'x' } } }],
])('a server with a secret in %s', (_, spec) => {
  expect(JSON.stringify(changesOf('server', 'x', undefined, spec))).not.toMatch(
    new RegExp(`SECRET|${btoa('u:SECRET')}`),
  )
})

test('a role with a password in a pattern', () => {
  const changes = changesOf('role', 'x', undefined, { allow: ['resource:a///u:p/SECRET@h/*'] })
  expect(JSON.stringify(changes)).not.toContain('SECRET')
})

test('what people must read stays', () => {
  const command = [
    'run',
    '-i',
    '--rm',
    'mcp/github',
    '-y',
    '@scope/server-filesystem',
    './docs',
    '--read-only',
    '--port',
    '8080',
    'https://h.example/v1/mcp',
    'LANG=${LANG}',
  ]
  const description =
    'Reads files below "./docs" (read-only), since 2026; see https://h.example/a-b.'
  const changes = changesOf('server', 'x', undefined, {
    stdio: { command: 'docker', args: command },
    description,
  })
  expect(changes[0]?.after).toEqual({
    'stdio.command': 'docker',
    'stdio.args': command,
    description,
  })
})

test('what is masked is told apart by its digest', () => {
  const digest = (value: string): string => `d${value.length}`
  const changes = changesOf('server', 'x', args('--pin', '12'), args('--pin', '123', 'y'), digest)
  expect(changes[0]?.before).toEqual({ 'stdio.args': ['*** #d2'] })
  expect(changes[0]?.after).toEqual({ 'stdio.args': ['*** #d3', 'y'] })
})

test('no secret drawn by lot comes out of where secrets stand', () => {
  for (let turn = 0; turn < 300; turn++) {
    const secret = randomBytes(18).toString(turn % 2 === 0 ? 'base64url' : 'base64')
    for (const place of places(secret)) {
      const text = JSON.stringify(changesOf('server', 'x', undefined, place))
      expect(text).not.toContain(secret)
    }
  }
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
