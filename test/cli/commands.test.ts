import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { rotateSecrets as rotateRoute } from '../../src/admin/contract/config.ts'
import { createAdmin } from '../../src/admin/create.ts'
import { urlOf } from '../../src/admin/handle.ts'
import { declaredFile, now, type StandIn, standIn } from './stand-in.ts'

interface Case {
  readonly line: string | readonly string[]
  readonly code?: number
  /** What standard output must hold. */
  readonly out?: readonly (string | RegExp)[]
  readonly err?: readonly (string | RegExp)[]
  readonly not?: readonly string[]
}

/** Lines of one case run one after the other on one stand-in. */
const cases: Readonly<Record<string, readonly Case[]>> = {
  'version and help': [
    { line: 'version', out: ['9.9.9'] },
    { line: '--version', out: ['9.9.9'] },
    { line: 'version --json', out: ['"version": "9.9.9"'] },
    { line: '--help', out: ['Usage: sallyport', 'audit'] },
    { line: 'add --help', out: ['Examples:', 'sallyport add files -- npx'] },
  ],
  'wrong usage is 2': [
    { line: [], code: 2, err: ['Which command?', 'sallyport --help'] },
    { line: 'nope', code: 2, err: ["unknown command 'nope'"] },
    { line: 'ls --nope', code: 2, err: ["unknown option '--nope'", 'sallyport ls --help'] },
    { line: 'remove', code: 2, err: ["missing required argument 'name'"] },
    { line: 'keys', code: 2, err: ['Run "sallyport keys --help"'] },
    { line: 'remove --json', code: 2, out: ['"code": "usage"', '"wayOut"'] },
    { line: 'up --port 99999', code: 2, err: ['--port'] },
    { line: 'up --role x', code: 2, err: ['--insecure-local'] },
    { line: 'up --insecure-local --host 0.0.0.0', code: 2, err: ['this machine only'] },
    { line: 'call files', code: 2, err: ['is not SERVER.TOOL'] },
    { line: 'call files.read_file nojson', code: 2, err: ['no JSON object'] },
    { line: 'call files.read_file [1]', code: 2, err: ['no JSON object'] },
    { line: 'rules grant --key x', code: 2, err: ['Which role?'] },
    { line: 'rules grant --role reader', code: 2, err: ['To whom?'] },
    { line: 'roles set x', code: 2, err: ['says nothing'] },
    { line: 'toolsets set x', code: 2, err: ['empty'] },
    { line: 'limits set', code: 2, err: ['limits nothing'] },
    { line: 'limits set --calls many', code: 2, err: ['--calls', '60/minute'] },
    { line: 'keys create x --expires soon', code: 2, err: ['--expires', '30d'] },
    { line: 'audit export --since yore', code: 2, err: ['is no time'] },
    { line: 'connect emacs', code: 2, err: ['claude, cursor, vscode, inspector'] },
    { line: 'stdio --server a --toolset b', code: 2, err: ['exclude each other'] },
    { line: 'add x', code: 2, err: ['Say what to register'] },
    { line: 'add x --', code: 2, err: ['command after --'] },
    { line: 'add x npx files', code: 2, err: ['stands after --'] },
    { line: 'add x http://a.example/mcp --env A=b', code: 2, err: ['takes no variables'] },
    { line: 'add x --bearer t -- run', code: 2, err: ['takes no headers'] },
    { line: 'add x --env A -- run', code: 2, err: ['--env KEY=VALUE'] },
    { line: 'add x run --kind cobol', code: 2, err: ['stdio, http, openapi'] },
  ],
  'ls and tools': [
    {
      line: 'ls',
      out: [
        /files +stdio +up +2 +legacy +declared +npx files --token \*\*\*/,
        'it does not answer',
      ],
      not: ['hidden', 'u:p'],
    },
    { line: 'ls --json', out: ['"state": "down"', '"stale": true'], not: ['hidden'] },
    { line: 'tools', out: ['files.read_file', 'web.fetch', 'read_file of files.'], not: ['More'] },
    { line: 'tools files --json', out: ['"inputSchema": {}'], not: ['fetch'] },
    { line: 'tools nope', code: 1, err: ['There is no server "nope"', 'sallyport ls'] },
    {
      line: 'tools nope --json',
      code: 1,
      out: ['"error"', '"code": "not_found"', '"wayOut"'],
    },
  ],
  'add a command': [
    {
      line: 'add notes -- node notes.js --verbose',
      out: [
        'speaks MCP 2026-07-28',
        'Registered notes',
        'No key can see notes yet',
        "sallyport roles set notes-user --allow 'notes/*'",
      ],
    },
    { line: 'ls', out: [/notes +stdio +unseen +0 +- +stored +node notes\.js --verbose/] },
    { line: 'add notes -- other', code: 1, err: ['already', '--replace'] },
    { line: 'add notes --replace -- other', out: ['Registered'] },
    { line: 'remove notes', out: ['Removed notes'] },
    { line: 'remove notes', code: 1, err: ['There is no server'] },
  ],
  'add a URL': [
    { line: 'keys create admin --role all-tools', out: ['sp_', 'files, web'] },
    {
      line: 'add api https://api.example/mcp --dry-run --json',
      out: ['"stored": false', '"ping"', '"name": "admin"'],
    },
    { line: 'ls', not: ['api.example'] },
    {
      line: `add api https://api.example/mcp --bearer \${TOKEN} --description Things`,
      out: ['Keys that can see api: admin (all-tools: allow */*)'],
    },
    { line: 'add down http://web.example/mcp', out: ['Registered'], err: ['does not answer'] },
    { line: 'add down2 http://web.example/mcp --dry-run', code: 1, err: ['does not answer'] },
  ],
  'what add refuses': [
    { line: 'add page https://web-page.example/', code: 1, err: ['not as an MCP', 'OpenAPI'] },
    { line: 'add spec openapi.yaml', code: 1, err: ['cannot be read (ENOENT)', 'openapi.yaml'] },
    { line: 'add spec x --kind openapi', code: 1, err: ['cannot be read (ENOENT)'] },
    { line: 'add spec x --kind graphql', code: 1, err: ['give --base-url'] },
    {
      line: 'add api https://api.example/mcp --include GET',
      code: 2,
      err: ['takes no --base-url, --root, --include'],
    },
    { line: 'add x -- missing', code: 1, err: ['no program', 'Install'] },
    { line: 'add files -- x', code: 1, err: [declaredFile, 'read-only'] },
    { line: 'remove files', code: 1, err: [declaredFile] },
    { line: 'add Bad_Name -- x', code: 1, err: ['NAME: must be a lower-case letter'] },
    { line: 'ls', not: ['page', 'spec', 'missing'] },
  ],
  keys: [
    { line: 'keys ls', out: ['No key yet'] },
    {
      line: 'keys create ci',
      out: [
        /^sp_[\w-]{43}\n/,
        'not shown again',
        'sallyport rules grant --key ci --role all-tools',
      ],
    },
    { line: 'keys create ci', code: 1, err: ['already', 'revoke ci'] },
    { line: 'keys create x --role raeder', code: 1, err: ['no role "raeder"', 'reader?'] },
    {
      line: 'keys create ann --user ann --team support --environment prod --expires 30d --json',
      out: ['"files"', '"reader"', `"expiresAt": ${now + 30 * 86_400_000}`],
    },
    { line: 'keys ls', out: [/ann +sp_.{6}\.\.\. +valid +reader +ann +support +prod +2026-12-23/] },
    { line: 'keys revoke ci', out: ['Revoked'] },
    { line: 'keys revoke ci', code: 1, err: ['no valid key "ci"'] },
    { line: 'keys ls --json', out: ['"revoked"'], not: ['hash'] },
  ],
  'roles and rules': [
    { line: 'keys create ci', out: ['sees nothing'] },
    {
      line: 'roles set ops --allow files/* web/* --deny files/write_*',
      out: ['Wrote the role ops'],
    },
    { line: 'roles set bad --allow nonsense', code: 1, err: ['--allow "nonsense"', 'server/tool'] },
    { line: 'roles set owner --allow */*', code: 1, err: ['built in'] },
    { line: 'roles set reader --allow */*', code: 1, err: [declaredFile] },
    { line: 'roles ls', out: [/ops +files\/\* web\/\* +files\/write_\* +stored/, 'built-in'] },
    { line: 'rules grant --key ci --role ops', out: ['Granted ops to key ci'] },
    { line: 'access grant --key nobody --role ops', err: ['no key "nobody" yet'] },
    { line: 'rules ls', out: ['team support', 'key ci', 'declared'] },
    {
      line: 'explain ci files.read_file',
      out: ['allowed', 'ops: allow files/*', 'through access'],
    },
    { line: 'explain ci files.write_file', out: ['denied', 'ops: deny files/write_*'] },
    { line: 'explain ci nope.x --json', out: ['"allowed": false', '"known": false'] },
    { line: 'explain nobody files.x', code: 1, err: ['no principal "nobody"'] },
    { line: 'roles remove ops', code: 1, err: ['held by key ci'] },
    { line: 'rules remove nope', code: 1, err: ['sallyport rules ls'] },
    { line: 'roles set spare --allow files/*' },
    { line: 'roles remove spare', out: ['Removed'] },
  ],
  'toolsets and limits': [
    { line: 'toolsets set docs --include web/*', out: ['/mcp/t/docs'] },
    { line: 'toolsets ls', out: ['/mcp/t/docs', 'reading'] },
    { line: 'toolsets remove docs', out: ['Removed'] },
    { line: 'toolsets remove docs', code: 1 },
    { line: 'toolsets remove reading', code: 1, err: [declaredFile] },
    { line: 'limits set --calls 5/second --concurrent 2 --tool web/*', out: ['Added'] },
    { line: 'limits ls', out: [/key +web\/\* +5\/second +2 +stored/, 'declared'] },
    { line: 'limits remove nope', code: 1, err: ['sallyport limits ls'] },
  ],
  call: [
    { line: 'call files.read_file', out: ['read_file got {}'] },
    { line: 'call files.read_file --key sp_wrong', code: 1, err: ['key'] },
    {
      line: 'call files.read_file {"n":12345678901234567890} --key sp_x',
      out: ['read_file got {"n":12345678901234567890}'],
    },
    { line: 'call files.a.b {} --key k --json', out: [/^\{"content":.*a\.b got/] },
    { line: 'call files.t - --key k', out: ['from'] },
    { line: 'call files.t @args.json --key k', out: ['in a file'] },
    { line: 'call files.t @none.json --key k', code: 1, err: ['cannot be read'] },
    { line: 'call files.broken --key k', code: 1, out: ['broken got {}'] },
    { line: 'call files.fail --key k', code: 1, err: ['Unknown tool. (-32602)'] },
    { line: 'call files.ask --key k', code: 1, err: ['asks a question'] },
  ],
  'check, doctor, secrets': [
    { line: 'check', out: ['no configuration file'] },
    { line: 'check --config bad.yaml', code: 1, out: [/bad\.yaml:3:5 servers\.x: must be/] },
    { line: 'check --config bad.yaml --json', code: 1, out: ['"ok": false', '"line": 3'] },
    { line: 'check --config good.yaml', out: ['is good'] },
    {
      line: 'doctor',
      code: 1,
      out: ['ok    files: 1 tool', 'fault web: It does not answer', 'no valid key', 'not offered'],
      not: ['\u001b'],
    },
    { line: 'doctor files', out: ['ok'], not: ['web'] },
    { line: 'doctor web --json', code: 1, out: ['"ok": false', '"reason": "unreachable"'] },
    { line: 'secrets rotate', out: ['newK', 'oldK'] },
  ],
  connect: [
    { line: 'connect claude', out: ['claude mcp add', '"args": [', 'sp_...'], err: ['No gateway'] },
    { line: 'connect cursor --key sp_k', out: ['"Authorization": "Bearer sp_k"'] },
    { line: 'connect vscode --toolset t', out: ['/mcp/t/t', '{input:sallyport-key}'] },
    { line: 'connect inspector --json', out: ['"client": "inspector"', '--method tools/list'] },
  ],
}

for (const [name, lines] of Object.entries(cases))
  test(name, async () => {
    const gateway = await standIn()
    await writeFile(join(gateway.dir, 'args.json'), '{"a":"in a file"}')
    for (const one of lines) await verify(gateway, one)
  })

async function verify(gateway: StandIn, { line, code = 0, out, err, not }: Case): Promise<void> {
  const found = await gateway.cli(line)
  const about = `${String(line)}\n${found.stdout}\n${found.stderr}`
  expect(found.code, about).toBe(code)
  for (const text of out ?? [])
    expect(found.stdout, about).toEqual(
      typeof text === 'string' ? expect.stringContaining(text) : expect.stringMatching(text),
    )
  for (const text of err ?? [])
    expect(found.stderr, about).toEqual(
      typeof text === 'string' ? expect.stringContaining(text) : expect.stringMatching(text),
    )
  for (const text of not ?? []) expect(found.stdout + found.stderr, about).not.toContain(text)
  if ([line].flat().join(' ').includes('--json') && line !== '--json')
    expect(() => JSON.parse(found.stdout), about).not.toThrow()
}

test('up and stdio hand their options over', async () => {
  const { cli, started, dir } = await standIn()
  await cli('up --port 9000 --data d --config c.yaml --insecure-local')
  await cli('stdio --toolset t', { env: { SALLYPORT_KEY: 'sp_env' } })
  expect(started).toEqual([
    {
      dataDir: join(dir, 'd'),
      config: join(dir, 'c.yaml'),
      host: undefined,
      port: 9000,
      insecureLocal: 'all-tools',
      json: false,
    },
    {
      dataDir: join(dir, '.sallyport'),
      config: undefined,
      key: 'sp_env',
      endpoint: '/mcp/t/t',
    },
  ])
})

test('a key is stored by its hash, and shown once', async () => {
  const { cli, ports } = await standIn()
  const { stdout } = await cli('keys create ci --json')
  const { key } = JSON.parse(stdout)
  const state = await ports.store.load()
  expect(JSON.stringify(state)).not.toContain(key)
  expect(state.keys[0]?.hash).toMatch(/^[0-9a-f]{64}$/)
})

test('plain secrets move to owner-only files and leave with their server', async () => {
  const { cli, ports } = await standIn()
  const { stderr } = await cli('add api https://api.example/mcp --bearer plain-secret')
  expect(stderr).toContain('it was moved to file:')
  expect(stderr).not.toContain('plain-secret')
  const { servers } = await ports.store.load()
  expect(JSON.stringify(servers)).not.toContain('plain-secret')
  const file = JSON.stringify(servers['api']).match(/file:([^"]+)/)?.[1] ?? ''
  expect(await readFile(file, 'utf8')).toBe('plain-secret')
  await cli('remove api')
  await expect(readFile(file)).rejects.toThrow('ENOENT')
})

test('a write that does not compile is taken back', async () => {
  const { ports, cli } = await standIn()
  const fault = {
    path: 'servers.x',
    message: 'no',
    file: undefined,
    line: undefined,
    column: undefined,
  }
  const { apply } = ports
  const answers = [[fault]]
  const held = async () => {
    const [applied, more] = [await apply(), answers.pop() ?? []]
    return {
      inForce: applied.inForce && more.length === 0,
      issues: [...applied.issues, ...more],
    }
  }
  Object.assign(ports, { apply: held })
  const { code, stderr } = await cli('add x -- run')
  expect([code, stderr]).toEqual([1, expect.stringContaining('servers.x: no')])
  expect(await ports.store.list('server')).toEqual([])
})

test('rotations that come at once take turns', async () => {
  const { ports } = await standIn()
  const { rotateSecrets } = ports
  let running = 0
  let most = 0
  const counted: typeof rotateSecrets = async (actor) => {
    most = Math.max(most, ++running)
    await new Promise(setImmediate)
    running--
    return rotateSecrets(actor)
  }
  Object.assign(ports, { rotateSecrets: counted })
  const app = createAdmin(ports, { label: 'owner', id: 'owner', via: 'socket', uid: 1 })
  const ran = await Promise.all(
    [1, 2, 3].map(() => app.inject({ method: 'POST', url: urlOf(rotateRoute) })),
  )
  expect(ran.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200])
  expect(most).toBe(1)
})

test('audit shows, proves and exports the journal', async () => {
  const { cli, journal } = await standIn()
  for (let i = 0; i < 30; i++) {
    const entry = { kind: 'refusal', at: now - 1_000 * (30 - i), name: `t${i}`, detail: '=1,2' }
    journal.push({ writer: 'w1', sequence: i, entry })
  }
  const tail = await cli('audit tail --limit 2')
  expect(tail.stdout.trim().split('\n')).toEqual([
    expect.stringContaining('name=t28'),
    expect.stringContaining('name=t29'),
  ])
  const all = await cli('audit export --since 10s')
  expect(all.stdout.trim().split('\n')).toHaveLength(10)
  const csv = await cli('audit export --format csv --until 29s')
  expect(csv.stdout).toContain(`"'=1,2"`)
  expect(csv.stdout.trim().split('\n')).toHaveLength(2)
  expect((await cli('audit verify')).stdout).toContain('whole: 30 entries')
  journal.push({ writer: 'w1', sequence: 30, entry: { kind: 'forged', at: now } })
  const forged = await cli('audit verify')
  expect([forged.code, forged.stdout]).toEqual([1, expect.stringContaining('segment 1 line 2')])
})

test('the schema needs no gateway', async () => {
  const { cli, dir } = await standIn()
  const offline = async () => Promise.reject(new Error('no gateway'))
  expect((await cli('schema --out s.json', { offline })).code).toBe(0)
  const schema = JSON.parse(await readFile(join(dir, 's.json'), 'utf8'))
  expect(schema.properties.servers.additionalProperties.properties).toHaveProperty('stdio')
  expect(schema.required).toBeUndefined()
})
