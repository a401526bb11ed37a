// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to secrets are what is tested
import { expect, it } from 'vitest'
import { costOf } from '../../test/cost.ts'
import { plainSecrets, withReferences } from './plain-secrets.ts'

const hidden = [
  ['--passphrase', 'x'],
  ['--bearer', 'x'],
  ['--pin', '1234'],
  ['--creds', 'u:x'],
  ['-u', 'user:x'],
  ['Authorization:', 'Bearer x'],
  ['--config=https://u:pass#q@h/x'],
  ['postgres://app:12345/rest@db/x'],
  ['Authorization: Bearer abc\n'],
  ['first line\nAuthorization: Bearer abc\nlast line'],
  ['{"password":"abc"}'],
  ['password: abc'],
  ['TOKEN="abc def"'],
  ['run it --token abc now'],
  ['send Basic dXNlcjpwYXNz'],
  ['-----BEGIN PRIVATE KEY-----\nMIIabc\n-----END PRIVATE KEY-----'],
]
const ordinary = [
  ['--port', '8080'],
  ['-u'],
  ['-u', '1000:1000'],
  ['--user', 'root'],
  ['--pinned', 'x'],
  ['--passive', 'x'],
  ['--monkey', 'x'],
  ['Explain the basic functions: what they do, and why a bearer matters.'],
  ['https://h:8080/@scope/x', 'http://web.example/users/a@b.example/inbox'],
  ['{"limit":3,"name":"abc"}'],
]

it.each([
  [
    { http: { url: 'https://x', headers: { 'X-Api-Key': 'k', Accept: 'a' } } },
    ['http.headers.X-Api-Key'],
  ],
  [{ openapi: { spec: 'a', headers: { Authorization: 'k' } } }, ['openapi.headers.Authorization']],
  [{ stdio: { command: 'a', env: { TOKEN: 't', LANG: 'C' } } }, ['stdio.env.TOKEN']],
  [{ credential: { bearer: 't' } }, ['credential.bearer']],
  [{ credential: { header: 'X-Key', value: 't' } }, ['credential.value']],
  [{ credential: { basic: { username: 'u', password: 'p' } } }, ['credential.basic.password']],
  [{ credential: { query: { name: 'key', value: 'v' } } }, ['credential.query.value']],
  [{ credential: { cookie: { name: 'sid', value: 'v' } } }, ['credential.cookie.value']],
  [
    { credential: { oauth: { clientId: 'i', clientSecret: 's', scopes: ['a'] } } },
    ['credential.oauth.clientSecret'],
  ],
  [
    { credential: { bearer: '${T}', tls: { ca: 'c', cert: 'file:a', key: 'k' } } },
    ['credential.tls.ca', 'credential.tls.key'],
  ],
  [
    {
      credential: {
        schemes: { name: { bearer: 't' }, 'a.b': { query: { name: 'k', value: 'v' } } },
      },
    },
    ['credential.schemes.name.bearer', 'credential.schemes.a.b.query.value'],
  ],
  [
    { soap: { wsdl: 'a', security: { username: 'u', password: 'p', type: 'digest' } } },
    ['soap.security.password'],
  ],
  [{ sql: { url: 'postgres://u:p@db/x' } }, ['sql.url']],
  [{ sql: { url: 'postgres://u@db/x' } }, []],
  [{ sql: { url: 'postgres://u:${PASSWORD}@db/x' } }, []],
  [{ sql: { url: 'file:/secrets/url' } }, []],
  [{ sql: { url: 'sqlite:/data/a.db' } }, []],
  [{ credential: { bearer: '$${T}' } }, ['credential.bearer']],
  [{ http: { url: 'https://u:p@x/mcp' } }, ['http.url']],
  [{ http: { url: 'https://token@x/mcp' } }, ['http.url']],
  [{ http: { url: 'https://x/mcp?api_key=abc&limit=3' } }, ['http.url']],
  [{ http: { url: 'https://x/mcp?key=abc#t' } }, ['http.url']],
  [{ http: { url: 'https://x/mcp?key=${KEY}&limit=3' } }, []],
  [{ http: { url: 'https://u:${P}@x/mcp?limit=3&monkey=1' } }, []],
  [{ http: { url: 'https://u:${P}@x/mcp?token=abc' } }, ['http.url']],
  [{ http: { url: 'https://hooks.x/s/8f3a9b2c1d4e5f60718293a4b5c6d7e8/mcp' } }, ['http.url']],
  [{ http: { url: 'https://x/mcp/issues-and-pull-requests-of-2026' } }, []],
  [
    { openapi: { spec: 'https://u:p@x/a.json', baseUrl: 'https://x?sig=a' } },
    ['openapi.spec', 'openapi.baseUrl'],
  ],
  [
    { graphql: { url: 'https://x', headers: { 'X-Custom': 'ghp_0123456789abcdef' } } },
    ['graphql.headers.X-Custom'],
  ],
  [{ stdio: { command: 'a', args: ['--token', 'abc', '--port', '80'] } }, ['stdio.args.1']],
  [{ stdio: { command: 'a', args: ['--api-key=abc', '--name=x'] } }, ['stdio.args.0']],
  [{ stdio: { command: 'a', args: ['-H', 'Authorization: Bearer abc'] } }, ['stdio.args.1']],
  [{ stdio: { command: 'a', args: ['postgres://u:p@db/x'] } }, ['stdio.args.0']],
  [{ stdio: { command: 'docker', args: ['-e', 'TOKEN=abc', '-e', 'LANG=C'] } }, ['stdio.args.1']],
  [{ stdio: { command: 'a', args: ['sk-abcdefghijklmnop1234'] } }, ['stdio.args.0']],
  [
    {
      stdio: {
        command: 'npx',
        args: ['-y', '@modelcontextprotocol/server-filesystem', './docs', '--verbose'],
      },
    },
    [],
  ],
  [
    { stdio: { command: 'a', args: ['--token', '${TOKEN}', '--key=file:x', 'TOKEN=${TOKEN}'] } },
    [],
  ],
  [
    { stdio: { command: 'a', env: { DATABASE_URL: 'mysql://u:p@db/x' } } },
    ['stdio.env.DATABASE_URL'],
  ],
  ...hidden.map((args): [unknown, string[]] => [
    { stdio: { command: 'a', args } },
    [`stdio.args.${args.length - 1}`],
  ]),
  ...ordinary.map((args): [unknown, string[]] => [{ stdio: { command: 'a', args } }, []]),
  [undefined, []],
])('%j', (spec, paths) => {
  expect(plainSecrets(spec)).toEqual(paths)
})

it('what is moved is the secret alone, and all of it', () => {
  const long = `A1b2C3d4E5f6G7h8${'z9Y8'.repeat(2_000)}`
  const args = ['{"password": "it\'s\'", "n": 1}', 'TOKEN="a b" x', 'x --token abc y', long]
  expect(withReferences({ stdio: { command: 'a', args } }, () => '!')).toEqual({
    stdio: {
      command: 'a',
      args: ['{"password": "!", "n": 1}', 'TOKEN="!" x', 'x --token ! y', '!'],
    },
  })
})

it('texts of any length are looked through in linear time', async () => {
  const texts = [
    'x'.repeat(200_000),
    `${'1'.repeat(2_048)}${'a'.repeat(2_048)}`,
    'a:'.repeat(100_000),
    ...[
      'a://',
      'a="',
      `"a":"`,
      '--token ',
      'token: ',
      '@',
      'a@/',
      '-----BEGIN PRIVATE KEY-----',
      'bearer ',
    ].map((part) => part.repeat(20_000)),
  ]
  for (const text of texts) {
    const entry = { stdio: { command: 'big', args: [text] } }
    const cost = await costOf(() => withReferences(entry, () => 'file:x'))
    expect(cost).toBeLessThan(100)
  }
})
