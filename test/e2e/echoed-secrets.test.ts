// What is presented to an MCP server comes back to nobody, wherever the server says it.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually, legacySession, modernCall, modernRequest, postText } from './client.ts'
import { everything, startGateway, type TestGateway } from './gateway.ts'
import { dig, names } from './json.ts'

const script = fileURLToPath(new URL('../fixtures/echoing-server.mjs', import.meta.url))
const secrets = {
  bearer: 'tok-7f3aQ/9+zz"1\\x',
  header: 'hdr-51bb8c22',
  query: 'qry-99aa77bb',
  referenced: 'ref-0c0ffee0',
  env: 'env-5544332211',
  number: '918273645546',
  argument: 'arg-a1b2c3d4',
  file: 'pin-of-a-file-77',
}
const all = Object.values(secrets)

let child: ChildProcess
let gateway: TestGateway
let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-echo-'))
  await writeFile(join(folder, 'pin'), `${secrets.file}\n`)
  child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [port] = child.stdout === null ? [] : await once(child.stdout, 'data')
  const url = `http://127.0.0.1:${String(port).trim()}/mcp?access_token=${secrets.query}&page=2`
  const reference = (name: string): string => `$${'{'}${name}}`
  gateway = await startGateway({
    config: {
      servers: {
        http: {
          http: {
            url,
            headers: {
              'x-api-key': secrets.header,
              'x-tenant': reference('TENANT_TOKEN'),
              'x-plain': 'plain-value',
              'x-mark': `file:${join(folder, 'pin')}`,
            },
          },
          credential: { bearer: reference('BEARER') },
        },
        refusing: {
          http: { url: url.replace('/mcp', '/refusing'), headers: { 'x-api-key': secrets.header } },
          credential: { bearer: reference('BEARER') },
        },
        stdio: {
          stdio: {
            command: process.execPath,
            args: [script, 'stdio', '--api-key', secrets.argument],
            env: { GH_PAT: secrets.env, PIN_TOKEN: secrets.number, SHOWN: 'plain-value' },
            inherit: ['TENANT_TOKEN'],
          },
        },
      },
    },
    env: { BEARER: secrets.bearer, TENANT_TOKEN: secrets.referenced },
    keys: { first: everything },
  })
  await eventually(
    async () =>
      names((await modernCall(gateway.url, gateway.key, 'tools/list')).message, 'tools').length ===
      10,
  )
})
afterAll(async () => {
  await gateway?.stop()
  child?.kill()
  await rm(folder, { recursive: true, force: true })
})

/** Every spelling in which a text of JSON can hold a secret. */
function expectClean(text: string): void {
  for (const secret of all)
    for (const spelling of [
      secret,
      JSON.stringify(secret).slice(1, -1),
      encodeURIComponent(secret),
      JSON.stringify(JSON.stringify(secret)).slice(3, -3),
    ])
      expect(text).not.toContain(spelling)
}

describe.each(['http', 'stdio'])('a server over %s', (server) => {
  const at = () => gateway.server(server)

  test('in results, errors, progress and log messages', async () => {
    for (const name of ['show', 'fail', 'odd', 'large']) {
      const params = { name, arguments: {}, _meta: { progressToken: 'p' } }
      const { body, headers } = modernRequest('tools/call', {
        ...params,
        _meta: { 'io.modelcontextprotocol/logLevel': 'debug', progressToken: 'p' },
      })
      const modern = await (await postText(at(), gateway.key, body, { headers })).text()
      const session = await legacySession(at(), gateway.key)
      const legacy = (await session.request('tools/call', params)).text
      for (const text of [modern, legacy]) {
        expect(text).toContain('plain-value')
        expect(text).toContain('[redacted]')
        expectClean(text)
      }
    }
  })

  test('in resources, prompts, lists, instructions and refusals of methods', async () => {
    const session = await legacySession(at(), gateway.key)
    for (const [method, params] of [
      ['resources/read', { uri: 'file:///show' }],
      ['prompts/get', { name: 'show' }],
      ['tools/list', {}],
      ['prompts/list', {}],
      ['resources/list', {}],
      [
        'completion/complete',
        { ref: { type: 'ref/prompt', name: 'show' }, argument: { name: 'a', value: '' } },
      ],
    ] as const) {
      const { text } = await session.request(method, params)
      expect(text).toContain('[redacted]')
      expectClean(text)
    }
    expect(session.opening.text).toContain('[redacted]')
    expectClean(session.opening.text)
  })

  test('in questions', async () => {
    const params = {
      name: 'ask',
      arguments: {},
      _meta: { 'io.modelcontextprotocol/clientCapabilities': { elicitation: { form: {} } } },
    }
    const { text, message } = await modernCall(at(), gateway.key, 'tools/call', params)
    expect(dig(message, 'result', 'resultType')).toBe('input_required')
    expect(text).toContain('[redacted]')
    expectClean(text)
  })
})

test('a secret that is a number leaves JSON behind', async () => {
  const { message } = await modernCall(gateway.server('stdio'), gateway.key, 'tools/call', {
    name: 'odd',
    arguments: {},
  })
  expect(JSON.stringify(message)).toContain('"999999999999')
})

test('nothing of it is kept on disk or logged, also when the server refuses what it is given', async () => {
  await eventually(async () => gateway.log.includes('HTTP 401'))
  const files = await readdir(gateway.dataDir, { recursive: true, withFileTypes: true })
  for (const file of files.filter((entry) => entry.isFile()))
    expectClean(await readFile(join(file.parentPath, file.name), 'latin1'))
  expectClean(gateway.log)
})
