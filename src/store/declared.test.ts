// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to secrets are what is tested
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { watchFile } from '../kit/watch-file.ts'
import { type DesiredState, desiredState, type Issue } from '../model/desired-state.ts'
import { parseDeclared, readDeclared } from './declared.ts'
import { resolveSecrets } from './resolve-secrets.ts'
import { storedToDesired } from './stored-to-desired.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-declared-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

function shown({ path, message, line, column }: Issue): string {
  return `${line}:${column} ${path}: ${message}`
}

/** Text of the file, then what is said about it. */
const golden: readonly (readonly [string, ...string[]])[] = [
  ['serverz: {}', '1:1 serverz: unknown key "serverz"; did you mean servers?'],
  [
    'servers:\n  crm:\n    http: { url: https://x, header: {} }',
    '3:29 servers.crm.http.header: unknown key "header"; did you mean headers?',
  ],
  [
    'audit:\n  colour: red',
    '2:3 audit.colour: unknown key "colour"; known here: mode, segmentMax, retention',
  ],
  ['listen:\n  port: many', '2:3 listen.port: must be a number, not text'],
  ['listen: { port: 70000 }', '1:11 listen.port: must be at most 65535'],
  ['listen: { port: 1.5 }', '1:11 listen.port: must be a whole number'],
  ['listen: [1]', '1:1 listen: must be a mapping, not a list'],
  ['just words', '1:1 : must be a mapping, not text'],
  [
    'servers:\n  Git_Hub: { http: { url: https://x } }',
    '2:3 servers.Git_Hub: is no valid name: a lower-case letter, then at most 23 of a-z, 0-9 and -',
  ],
  [
    'servers:\n  crm: { timeout: soon, http: { url: https://x } }',
    '2:10 servers.crm.timeout: must be a duration such as 500ms, 30s, 10m, 2h or 30d',
  ],
  [
    'servers:\n  crm: {}',
    '2:3 servers.crm: a server has exactly one kind: stdio, http, openapi, graphql, soap, grpc, asyncapi or sql',
  ],
  ['servers:\n  crm: { http: {} }', '2:10 servers.crm.http.url: is missing; it must be text'],
  [
    'servers:\n  crm: { era: modrn, http: { url: https://x } }',
    '2:10 servers.crm.era: must be auto, legacy or modern; did you mean modern?',
  ],
  [
    'servers:\n  crm:\n    http: { url: https://x }\n    credential: { baerer: x }',
    '4:5 servers.crm.credential.bearer: is missing; it must be text',
    '4:19 servers.crm.credential.baerer: unknown key "baerer"; did you mean bearer?',
  ],
  [
    'access:\n  - { team: red, roles: [a] }\n  - { team: red, roles: [] }',
    '3:18 access.1.roles: must have at least 1 entry',
  ],
  ['access:\n  - { roles: [a] }', '2:5 access.0: say who: key, user, team or environments'],
  [
    'roles:\n  r: { allow: [crm] }',
    '2:16 roles.r.allow.0: must be server/tool, e.g. crm/*, */read_*, prompt:crm/*, resource:docs/file:///*',
  ],
  ['servers:\n  a: {}\n  a: {}', '3:3 : Map keys must be unique'],
  [
    'servers: {',
    '1:11 : Flow map in block collection must be sufficiently indented and end with a }',
  ],
  ['a: *nothing', '1:4 : there is no anchor &nothing before this alias'],
  [
    'environment: 1\naudit: { mode: never }',
    '1:1 environment: must be text, not a number',
    '2:10 audit.mode: must be required or best-effort',
  ],
]

describe('issues of sallyport.yaml', () => {
  test.each(golden)('%s', (text, ...expected) => {
    const read = parseDeclared(text, 'sallyport.yaml')
    expect(read.ok ? [] : read.issues.map(shown)).toEqual(expected)
  })

  test('an alias bomb, deep nesting and a huge file are refused', async () => {
    const lists = Array.from(
      { length: 9 },
      (_, n) => `a${n + 1}: &a${n + 1} [${`*a${n}, `.repeat(10)}]`,
    )
    expect(parseDeclared(['a0: &a0 [x]', ...lists].join('\n'), 'f')).toMatchObject({
      issues: [{ message: expect.stringContaining('Excessive alias count') }],
    })
    expect(parseDeclared('['.repeat(200_000), 'f').ok).toBe(false)
    const path = join(folder, 'huge.yaml')
    await writeFile(path, '#'.repeat(4_000_001))
    expect(await readDeclared(path)).toMatchObject({
      issues: [{ message: 'it cannot be read (it is larger than 4000000 bytes)' }],
    })
  })

  test('a file that is not there is an issue; an empty one is the default state', async () => {
    const path = join(folder, 'empty.yaml')
    expect(await readDeclared(path)).toMatchObject({
      issues: [{ message: 'there is no such file', file: path }],
    })
    await writeFile(path, '')
    expect(await readDeclared(path)).toMatchObject({
      ok: true,
      state: desiredState.parse({}),
      digest: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    })
  })
})

test('every way of changing the file is noticed', async () => {
  const path = join(folder, 'watched.yaml')
  await writeFile(path, 'a')
  let changes = 0
  const stop = watchFile(path, () => changes++, { settleMs: 20, pollMs: 60_000 })
  const after = async (change: () => Promise<void>, expected: number) => {
    await change()
    await expect.poll(() => changes).toBe(expected)
  }
  await after(() => writeFile(path, 'longer'), 1)
  await after(async () => {
    await writeFile(`${path}.tmp`, 'by rename')
    await rename(`${path}.tmp`, path)
  }, 2)
  await after(() => rm(path), 3)
  await after(() => writeFile(path, 'again'), 4)
  stop()
  await writeFile(path, 'unseen')
  await new Promise((resolve) => setTimeout(resolve, 60))
  expect(changes).toBe(4)
})

test('polling notices a change when the folder sends no events', async () => {
  const path = join(folder, 'later', 'watched.yaml')
  let changes = 0
  const stop = watchFile(path, () => changes++, { pollMs: 20 })
  await mkdir(join(folder, 'later'))
  await writeFile(path, 'a')
  await expect.poll(() => changes).toBeGreaterThan(0)
  stop()
})

describe('secrets', () => {
  function resolve(bearer: string) {
    const text = `servers:\n  crm:\n    http: { url: https://x }\n    credential: { bearer: ${JSON.stringify(bearer)} }`
    const read = parseDeclared(text, 'sallyport.yaml')
    if (!read.ok) throw new Error('the file is valid')
    const resolved = resolveSecrets(read.state, {
      environment: { TOKEN: 'abc', EMPTY: '' },
      baseFolder: '/etc/sallyport',
      readFile: (path) => {
        if (path === '/etc/sallyport/token') return 'from file\n'
        throw new Error('ENOENT')
      },
      locate: read.locate,
    })
    return resolved.ok
      ? Object.values(resolved.state.servers)[0]?.credential
      : resolved.issues.map(shown)
  }
  const place = '4:19 servers.crm.credential.bearer:'

  test.each([
    ['${TOKEN}', { bearer: 'abc' }],
    ['a${TOKEN}b${EMPTY}', { bearer: 'aabcb' }],
    ['$${TOKEN}', { bearer: '${TOKEN}' }],
    ['price $5 {x}', { bearer: 'price $5 {x}' }],
    ['file:token', { bearer: 'from file' }],
    ['file:nothing', [`${place} the file nothing cannot be read`]],
    ['${NOWHERE}', [`${place} the environment variable NOWHERE is not set`]],
    [
      '${A-B}',
      [
        `${place} \${A-B} is no reference; write \${NAME} or \${file:PATH}, or $\${ for a literal \${`,
      ],
    ],
    [
      '${TOKEN',
      [
        `${place} \${TOKEN is no reference; write \${NAME} or \${file:PATH}, or $\${ for a literal \${`,
      ],
    ],
  ])('%s', (bearer, expected) => {
    expect(resolve(bearer)).toEqual(expected)
  })
})

test('the file wins over a stored object of the same name; what is not valid stays out', () => {
  const http = { url: 'https://declared.example' }
  const declared: DesiredState = desiredState.parse({ servers: { crm: { http } } })
  const { state, issues } = storedToDesired(declared, {
    servers: {
      crm: { http: { url: 'https://stored.example' } },
      mail: { http: { url: 'https://mail' } },
      broken: {},
    },
    toolsets: {},
    roles: { support: { allow: ['crm/*'] } },
    access: [{ team: 'red', roles: ['support'] }, { roles: ['support'] }],
    limits: [{ calls: '5/minute' }],
    keys: [],
    version: 3,
  })
  expect(Object.keys(state.servers)).toEqual(['crm', 'mail'])
  expect(state.servers).toMatchObject({ crm: { http } })
  expect(state.roles).toEqual({ support: { allow: ['crm/*'], deny: [] } })
  expect(state.access).toHaveLength(1)
  expect(state.limits).toEqual([{ per: 'key', calls: '5/minute' }])
  expect(issues.map(({ path, message }) => `${path}: ${message}`)).toEqual([
    'servers.crm: is declared in the file and stored; the file wins',
    'servers.broken: a server has exactly one kind: stdio, http, openapi, graphql, soap, grpc, asyncapi or sql',
    'access.stored-1: say who: key, user, team or environments',
  ])
})
