/** Every change of what is wanted leaves an entry: who, what was done, to which object, before and after. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { routes } from '../../src/admin/contract/routes.ts'
import { runCommand } from '../cli/built-commands.ts'
import { eventually } from './client.ts'
import { startCluster } from './cluster.ts'
import { everything, startGateway, type TestGateway } from './gateway.ts'
import { leaksIn, secret } from './secret-scan.ts'

const line = z.object({ entry: z.looseObject({ kind: z.string(), at: z.number() }) })
type Entry = z.output<typeof line>['entry']

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-changes-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

function run(
  dataDir: string,
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
) {
  const [command = '', ...rest] = words
  return runCommand([command, ...withData(rest, dataDir)], { cwd: folder, env })
}

function withData(words: readonly string[], dataDir: string): string[] {
  const end = words.includes('--') ? words.indexOf('--') : words.length
  return words.toSpliced(end, 0, '--data', dataDir)
}

/** Runs a command that must succeed, and answers what it printed. */
async function done(dataDir: string, ...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(dataDir, words)
  expect([code, stderr.replaceAll(/^(?:warning|.*was moved to).*\n/gm, '')]).toEqual([0, ''])
  return stdout
}

/** Entries of the kinds, oldest first; no line of the journal holds a secret. */
async function entries(dataDir: string, kind = 'change'): Promise<Entry[]> {
  const text = await done(dataDir, 'audit', 'export', '--kind', kind)
  expect(leaksIn(text, 'journal')).toEqual([])
  return text
    .split('\n')
    .filter((row) => row !== '')
    .map((row) => line.parse(JSON.parse(row)).entry)
}

/** Operations that are no reading, and leave all that is wanted as it is. */
const changesNothing = ['detectSource', 'convertServer', 'callTool', 'diagnose', 'explain']

const password = secret('a-pa55word-of-changes')
const token = secret('a-t0ken-of-changes')
const another = secret('an0ther-t0ken-of-changes')
const id = expect.stringMatching(/^[0-9a-f]{12}$/)
const key = {
  id: expect.stringMatching(/^[0-9a-f]{32}$/),
  roles: ['clerk'],
  user: 'ann',
  teams: ['support'],
  expires: expect.stringMatching(/^20\d\d-/),
}
const add = ['add', 'notes', '--no-probe', '--replace']
const url = 'https://notes.example'

interface Row {
  readonly route: string
  /** `ID` stands for the id of the one entry that the group lists. */
  readonly words: readonly string[]
  readonly told: Readonly<Record<string, unknown>>
}

/** In the order in which they are run. */
const rows: readonly Row[] = [
  {
    route: 'setRole',
    words: ['roles', 'set', 'clerk', '--allow', 'notes/*', '--description', 'May note'],
    told: {
      action: 'created',
      object: 'role',
      name: 'clerk',
      before: {},
      after: { allow: ['notes/*'], deny: [], description: 'May note' },
    },
  },
  {
    route: 'setRole',
    words: ['roles', 'set', 'clerk', '--allow', 'notes/*', 'web/*', '--deny', 'web/drop_*'],
    told: {
      action: 'changed',
      object: 'role',
      name: 'clerk',
      before: { description: 'May note' },
      after: { allow: ['web/*'], deny: ['web/drop_*'] },
    },
  },
  {
    route: 'createKey',
    words: 'keys create ann --role clerk --user ann --team support --expires 30d'.split(' '),
    told: { action: 'created', object: 'key', name: 'ann', before: {}, after: key },
  },
  {
    route: 'grantAccess',
    words: 'rules grant --key ann --role clerk'.split(' '),
    told: {
      action: 'created',
      object: 'access',
      name: id,
      before: {},
      after: { key: 'ann', roles: ['clerk'] },
    },
  },
  {
    route: 'removeAccess',
    words: 'rules remove ID'.split(' '),
    told: {
      action: 'removed',
      object: 'access',
      name: id,
      before: { key: 'ann', roles: ['clerk'] },
      after: {},
    },
  },
  {
    route: 'revokeKey',
    words: 'keys revoke ann'.split(' '),
    told: { action: 'revoked', object: 'key', name: 'ann', before: key, after: {} },
  },
  {
    route: 'removeRole',
    words: 'roles remove clerk'.split(' '),
    told: {
      action: 'removed',
      object: 'role',
      name: 'clerk',
      before: { allow: ['notes/*', 'web/*'], deny: ['web/drop_*'] },
      after: {},
    },
  },
  {
    route: 'setToolset',
    words: 'toolsets set reading --include notes/read_*'.split(' '),
    told: {
      action: 'created',
      object: 'toolset',
      name: 'reading',
      before: {},
      after: { include: ['notes/read_*'], exclude: [] },
    },
  },
  {
    route: 'removeToolset',
    words: 'toolsets remove reading'.split(' '),
    told: {
      action: 'removed',
      object: 'toolset',
      name: 'reading',
      before: { include: ['notes/read_*'], exclude: [] },
      after: {},
    },
  },
  {
    route: 'addLimit',
    words: 'limits set --calls 60/minute'.split(' '),
    told: {
      action: 'created',
      object: 'limit',
      name: id,
      before: {},
      after: { per: 'key', calls: '60/minute' },
    },
  },
  {
    route: 'removeLimit',
    words: 'limits remove ID'.split(' '),
    told: {
      action: 'removed',
      object: 'limit',
      name: id,
      before: { per: 'key', calls: '60/minute' },
      after: {},
    },
  },
  {
    route: 'addServer',
    words: [...add, `https://ann:${password}@notes.example/mcp?key=${token}`, '--bearer', token],
    told: {
      action: 'created',
      object: 'server',
      name: 'notes',
      before: {},
      after: { 'http.url': `${url}/mcp?***`, 'credential.bearer': '***' },
    },
  },
  {
    route: 'addServer',
    words: [...add, `${url}/v2/mcp`, '--header', `X-Key: ${another}`, '--timeout', '90s'],
    told: {
      action: 'changed',
      object: 'server',
      name: 'notes',
      before: { 'http.url': `${url}/mcp?***`, 'credential.bearer': '***' },
      after: { 'http.url': `${url}/v2/mcp`, 'http.headers.X-Key': '***', timeout: '90s' },
    },
  },
  {
    route: 'addServer',
    words: [...add, '--env', `PASSWORD=${password}`, '--', 'node', 'x.js', '--token', token, 'y'],
    told: {
      action: 'changed',
      object: 'server',
      name: 'notes',
      before: { 'http.url': `${url}/v2/mcp`, 'http.headers.X-Key': '***', timeout: '90s' },
      after: {
        'stdio.command': 'node',
        'stdio.args': ['x.js', '--token', '***', 'y'],
        'stdio.env.PASSWORD': '***',
        'stdio.inherit': [],
      },
    },
  },
  {
    route: 'removeServer',
    words: ['remove', 'notes'],
    told: {
      action: 'removed',
      object: 'server',
      name: 'notes',
      before: {
        'stdio.command': 'node',
        'stdio.args': ['x.js', '--token', '***', 'y'],
        'stdio.env.PASSWORD': '***',
        'stdio.inherit': [],
      },
      after: {},
    },
  },
  {
    route: 'rotateSecrets',
    words: ['secrets', 'rotate'],
    told: {
      action: 'changed',
      object: 'key-ring',
      name: 'keys',
      before: {},
      after: { keys: [expect.stringMatching(/^.{4}$/)] },
    },
  },
]

const owner = { kind: 'change', principal: 'owner', principalId: 'owner', via: 'socket' }

describe('a command', () => {
  let gateway: TestGateway
  /** Entries that were looked at. */
  let seen = 0
  beforeAll(async () => {
    gateway = await startGateway({ config: {} })
    seen = (await entries(gateway.dataDir, 'change,outcome')).length
  })
  afterAll(() => gateway.stop())

  it('has a row here for every operation that changes something', () => {
    const changing = routes
      .filter(({ method }) => method !== 'GET')
      .map((route) => route.id)
      .filter((name) => !changesNothing.includes(name))
    expect([...new Set(rows.map(({ route }) => route))].sort()).toEqual(changing.sort())
  })

  it.each(rows)('$route: $words.0 $words.1', async ({ words, told: wanted }) => {
    const [group = ''] = words
    const listed = words.includes('ID')
      ? await done(gateway.dataDir, group, 'ls', '--json')
      : '{"id": ""}'
    const found = /"id": "([^"]*)"/.exec(listed)?.[1] ?? ''
    await done(gateway.dataDir, ...words.map((word) => (word === 'ID' ? found : word)))
    const told = (await entries(gateway.dataDir, 'change,outcome')).slice(seen)
    seen += told.length
    const [change, outcome] = told
    expect(told).toHaveLength(2)
    expect(change).toEqual({
      ...owner,
      ...wanted,
      uid: process.getuid?.(),
      call: expect.any(String),
      at: expect.any(Number),
    })
    expect(outcome).toMatchObject({ kind: 'outcome', call: change?.['call'], status: 'ok' })
  })

  it('that writes what is there already changes nothing', async () => {
    const words = ['roles', 'set', 'twice', '--allow', 'a/*']
    await done(gateway.dataDir, ...words)
    const before = await entries(gateway.dataDir)
    await done(gateway.dataDir, ...words)
    expect(await entries(gateway.dataDir)).toEqual(before)
  })

  it('that is refused says that it was not made', async () => {
    const refused = await run(gateway.dataDir, ['rules', 'grant', '--key', 'x', '--role', 'nobody'])
    expect(refused.code).toBe(1)
    const told = await entries(gateway.dataDir)
    expect(JSON.stringify(told)).not.toContain('nobody')
  })

  it('that would fill the journal is told in short', async () => {
    const patterns = Array.from({ length: 400 }, (_, n) => `a/${'\u{1F600}'.repeat(40)}_${n}`)
    await done(gateway.dataDir, 'roles', 'set', 'long', '--allow', ...patterns)
    const told = (await entries(gateway.dataDir)).at(-1)
    expect(told).toMatchObject({ action: 'created', object: 'role', name: 'long' })
    expect(JSON.stringify(told)).toMatch(/… \d+ more/)
    expect(Buffer.byteLength(JSON.stringify(told))).toBeLessThan(10_000)
  })

  it('tells people in one line', async () => {
    await done(gateway.dataDir, 'limits', 'set', '--concurrent', '3')
    const told = await done(gateway.dataDir, 'audit', 'tail', '--kind', 'change', '-n', '1')
    expect(told).toMatch(
      / change +principal=owner via=socket action=created object=limit name=[0-9a-f]{12} before=\{\} after=\{"per":"key","concurrent":3\}/,
    )
  })

  it('is proved like all else', async () => {
    expect(await done(gateway.dataDir, 'audit', 'verify')).toContain('The journal is whole')
  })
})

it('the start that makes the first key, and a command beside no gateway, are told apart', async () => {
  const gateway = await startGateway({ config: {} })
  onTestFinished(() => gateway.stop())
  await gateway.kill9()
  await done(gateway.dataDir, 'keys', 'create', 'later')
  const told = await entries(gateway.dataDir)
  const starts = (await entries(gateway.dataDir, 'system')).length
  const byPeople = told.filter(({ via }) => via !== 'file')
  expect(byPeople.map(({ via, action, name }) => `${via} ${action} ${name}`)).toEqual([
    'start created first',
    'command created later',
  ])

  // Of itself a command beside no gateway records nothing, whatever file it reads.
  const other = join(folder, 'other.yaml')
  await writeFile(other, 'roles: { clerk: { allow: ["a/*"] } }')
  await done(gateway.dataDir, 'roles', 'ls', '--config', other)
  expect(await entries(gateway.dataDir)).toEqual(told)
  expect(await entries(gateway.dataDir, 'system')).toHaveLength(starts)
})

it('that callers need no key is told before they come, and when it is over', async () => {
  const gateway = await startGateway({
    config: { roles: { clerk: { allow: ['web/*'] } } },
    keys: { first: everything },
  })
  onTestFinished(() => gateway.stop())
  const told = async (): Promise<string[]> =>
    (await entries(gateway.dataDir))
      .filter(({ name }) => name === 'insecure-local')
      .map(({ via, action, object, before, after }) =>
        [via, action, object, JSON.stringify(before), JSON.stringify(after)].join(' '),
      )
  expect(await told()).toEqual([])
  await gateway.restart(['--insecure-local', '--role', 'clerk'])
  await gateway.restart()
  await gateway.restart(['--insecure-local'])
  await gateway.configure({ roles: { clerk: { allow: ['web/*'], deny: ['web/x'] } } })
  await gateway.restart()
  await gateway.restart([])
  await gateway.restart()
  expect(await told()).toEqual([
    'start created setting {} {"role":"clerk"}',
    'start changed setting {"role":"clerk"} {"role":"all-tools"}',
    'start removed setting {"role":"all-tools"} {}',
  ])
  await expect(gateway.restart(['--insecure-local', '--role', 'nosuch'])).rejects.toThrow(
    /There is no role "nosuch" for callers without a key\. Roles: all-tools, clerk, owner\./,
  )
  await gateway.restart([])
  expect(await told()).toHaveLength(3)
})

it('a declared file is told of at the start, when it changes, and when it changed meanwhile', async () => {
  const web = (path: string, value: string) => ({
    http: { url: `https://ann:${password}@web.example/${path}`, headers: { 'X-Api-Key': value } },
  })
  const roles = { clerk: { allow: ['web/*'] } }
  const gateway = await startGateway({
    config: {
      roles,
      servers: { web: web('a', token) },
      access: [{ key: 'ann', roles: ['clerk'] }],
    },
  })
  onTestFinished(() => gateway.stop())
  const told = async (): Promise<string[]> => {
    const all = (await entries(gateway.dataDir)).filter(({ via }) => via === 'file')
    expect(new Set(all.map(({ principal }) => principal))).toEqual(new Set(['file']))
    return all.map(({ action, object, name, before, after }) =>
      [action, object, name, JSON.stringify(before), JSON.stringify(after)]
        .join(' ')
        .replaceAll(/ #[0-9a-f]{8}"/g, ' #digest"'),
    )
  }
  const first = await told()
  expect(first).toEqual([
    'created role clerk {} {"allow":["web/*"]}',
    'created server web {} {"http.url":"https://web.example/a #digest","http.headers.X-Api-Key":"*** #digest"}',
    expect.stringMatching(/^created access [0-9a-f]{12} \{\} \{"key":"ann","roles":\["clerk"\]\}$/),
    'created setting listen {} {"drain":"1s"}',
  ])

  await gateway.configure('roles: [')
  await eventually(async () => gateway.log.includes('the running one stays'))
  expect(await told()).toEqual(first)

  await gateway.configure({ roles, servers: { web: web('b', another) }, environment: 'prod' })
  const second = await eventually(async () => {
    const all = await told()
    return all.length > first.length ? all.slice(first.length) : undefined
  })
  expect(second).toEqual([
    'changed server web {"http.url":"https://web.example/a #digest","http.headers.X-Api-Key":"*** #digest"} {"http.url":"https://web.example/b #digest","http.headers.X-Api-Key":"*** #digest"}',
    expect.stringMatching(/^removed access [0-9a-f]{12} \{"key":"ann","roles":\["clerk"\]\} \{\}$/),
    'created setting environment {} {"value":"prod"}',
  ])

  await gateway.kill9()
  await gateway.configure({ roles: { clerk: { allow: ['web/*'], deny: ['web/x'] } } })
  await gateway.restart()
  expect((await told()).slice(first.length + second.length)).toEqual([
    'changed role clerk {} {"deny":["web/x"]}',
    'removed server web {"http.url":"https://web.example/b #digest","http.headers.X-Api-Key":"*** #digest"} {}',
    'removed setting environment {"value":"prod"} {}',
  ])

  await gateway.restart()
  expect((await told()).length).toBe(first.length + second.length + 3)
})

it('what cannot be recorded is not made; a key is revoked all the same', async () => {
  const gateway = await startGateway({ config: {} })
  onTestFinished(() => gateway.stop())
  await done(gateway.dataDir, 'keys', 'create', 'ann')
  const journal = join(gateway.dataDir, 'journal')
  const [writer = ''] = (await readdir(journal)).filter((name) => name.startsWith('node-'))
  await rename(join(journal, writer, '000001.journal'), join(folder, 'moved.journal'))

  const refused = await run(gateway.dataDir, ['roles', 'set', 'clerk', '--allow', 'a/*'])
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('cannot be recorded')])
  expect(await done(gateway.dataDir, 'roles', 'ls')).not.toContain('clerk')

  await gateway.configure({ roles: { other: { allow: ['a/*'] } } })
  await eventually(async () => gateway.log.includes('cannot be recorded'))
  expect(await done(gateway.dataDir, 'roles', 'ls')).not.toContain('other')

  const revoked = await run(gateway.dataDir, ['keys', 'revoke', 'ann'])
  expect([revoked.code, revoked.stderr]).toEqual([
    0,
    expect.stringMatching(
      /not recorded yet.* kept in the data folder and written by the next start/,
    ),
  ])
  expect(await done(gateway.dataDir, 'keys', 'ls')).toMatch(/ann .* revoked /)

  const revocations = async () =>
    (await entries(gateway.dataDir)).filter(({ action }) => action === 'revoked')
  expect(await revocations()).toEqual([])
  await gateway.kill9()
  await gateway.restart()
  expect(await revocations()).toMatchObject([{ principal: 'owner', object: 'key', name: 'ann' }])
  await gateway.restart()
  expect(await revocations()).toHaveLength(1)
})

it('of several nodes the one that changes says who, the others that they took it over', async () => {
  const cluster = await startCluster({ keys: ['first'] })
  onTestFinished(() => cluster.stop())
  const [a, b] = [await cluster.node(), await cluster.node()]
  const env = { DATABASE_URL: cluster.databaseUrl, SALLYPORT_KEYS: cluster.ring }
  const made = await run(a.dataDir, ['roles', 'set', 'clerk', '--allow', 'modern/*'], env)
  expect(made.code).toBe(0)
  const versionOf = async ({ dataDir }: TestGateway): Promise<string | undefined> => {
    const notes = (await entries(dataDir, 'system')).filter(
      ({ method }) => method === 'configuration',
    )
    return /stored version (\d+)$/.exec(String(notes.at(-1)?.['detail']))?.[1]
  }
  const { version } = await cluster.store.load()
  for (const node of [a, b])
    await eventually(async () => (await versionOf(node)) === String(version))
  const ofOwner = async ({ dataDir }: TestGateway) =>
    (await entries(dataDir)).filter(({ principal }) => principal === 'owner')
  expect(await ofOwner(a)).toMatchObject([{ object: 'role', name: 'clerk', action: 'created' }])
  expect(await ofOwner(b)).toEqual([])
  const [row] = await eventually(async () => {
    const found = await cluster.store.records({ principal: 'owner', limit: 10 })
    return found.some(({ status }) => status === 'ok') && found
  })
  expect(row).toMatchObject({
    kind: 'change',
    method: 'created role',
    name: 'clerk',
    status: 'ok',
    detail: '{"before":{},"after":{"allow":["modern/*"],"deny":[]}}',
  })
})

it('an entry of a file that nobody changed is no change', async () => {
  const gateway = await startGateway({ config: 'roles: { clerk: { allow: [a/*] } }' })
  onTestFinished(() => gateway.stop())
  const before = await entries(gateway.dataDir)
  await gateway.configure('# the same\nroles:\n  clerk:\n    allow: [a/*]\n')
  await gateway.configure('environment: b\nroles: { clerk: { allow: [a/*] } }')
  const after = await eventually(async () => {
    const all = await entries(gateway.dataDir)
    return all.length > before.length ? all.slice(before.length) : undefined
  })
  expect(after.map(({ object, name }) => `${object} ${name}`)).toEqual(['setting environment'])
})

it('what a declared server keeps secret stands in no entry and in no list, whatever it stands in', async () => {
  const drawn: string[] = []
  const fresh = (): string => {
    const text = secret(`pa55W${drawn.length}rd-${randomBytes(9).toString('hex')}`)
    drawn.push(text)
    return text
  }
  const shared = fresh()
  const command = (...args: string[]) => ({ stdio: { command: 'node', args }, enabled: false })
  const servers = {
    fragment: { sql: { url: `postgres://app:${fresh()}#x@db/x` }, enabled: false },
    port: { sql: { url: `postgres://app:12345/${fresh()}@db/x` }, enabled: false },
    config: command(`--config=https://u:p${fresh()}#q@h/x`),
    header: command(`Authorization: Bearer ${fresh()}\n`),
    phrase: command('--passphrase', fresh()),
    user: command('-u', `user:${fresh()}`),
    json: command(`{"password":"${fresh()}"}`),
    script: command('sh', '-c', `x --token ${fresh()}`),
    text: { ...command('x.js'), description: `one\nAuthorization: Bearer ${fresh()}\ntwo` },
    anchor: {
      stdio: { command: 'node', args: [shared, `x-${shared}`], env: { ANY: shared } },
      enabled: false,
    },
  }
  const gateway = await startGateway({ config: {} })
  onTestFinished(() => gateway.stop())
  await gateway.configure({ servers })
  const told = await eventually(async () => {
    const all = (await entries(gateway.dataDir)).filter(({ object }) => object === 'server')
    return all.length >= Object.keys(servers).length ? JSON.stringify(all) : undefined
  })
  const env = { SALLYPORT_DATA: gateway.dataDir }
  const listed = await runCommand(['ls', '--json'], { cwd: gateway.dataDir, env })
  const tail = await runCommand(['audit', 'tail', '--kind', 'change', '--json'], {
    cwd: gateway.dataDir,
    env,
  })
  for (const name of Object.keys(servers))
    for (const text of [told, listed.stdout, tail.stdout]) expect(text).toContain(`"${name}"`)
  for (const text of drawn)
    for (const shown of [told, listed.stdout, tail.stdout]) expect(shown).not.toContain(text)
})
