/** What is wrong is said in words of the command that was given: its options and arguments, never a path of the configuration. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startOrders } from '../apis/soap-orders.ts'
import { FIXTURE_SERVER } from '../conformance/start-fixture.ts'
import { startGateway, type TestGateway } from '../e2e/gateway.ts'
import { runCommand } from './built-commands.ts'

let gateway: TestGateway
let folder = ''

const hall = { stdio: { command: process.execPath, args: [FIXTURE_SERVER, '--stdio'] } }
const pets = {
  openapi: '3.1.0',
  info: { title: 'Pets', version: '1' },
  paths: { '/pets': { get: { operationId: 'pets', responses: {} } } },
}
const events = {
  asyncapi: '3.0.0',
  info: { title: 'Events', version: '1' },
  channels: { a: { address: 'a', messages: { m: { payload: { type: 'object' } } } } },
  operations: { say: { action: 'receive', channel: { $ref: '#/channels/a' } } },
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-words-'))
  gateway = await startGateway({ config: { servers: { hall } } })
  await writeFile(join(folder, 'pets.json'), JSON.stringify(pets))
  await writeFile(join(folder, 'events.json'), JSON.stringify(events))
})
afterAll(async () => {
  await gateway.stop()
  await rm(folder, { recursive: true, force: true })
})

const run = (args: readonly string[]) =>
  runCommand(args, { cwd: folder, env: { SALLYPORT_DATA: gateway.dataDir } })

const nope = '$' + '{NOPE}'
const nobody = 'http://127.0.0.1:9/mcp'

it.each<[readonly string[], RegExp]>([
  [['toolsets', 'set', 'T', '--include', 'hall/*'], /^ {2}NAME: must be a lower-case letter/m],
  [
    ['toolsets', 'set', 't', '--include', 'hall.x'],
    /^ {2}--include "hall\.x": must be server\/tool/m,
  ],
  [
    ['toolsets', 'set', 't', '--include', 'hall/x', 'y'],
    /^ {2}--include "y": must be server\/tool/m,
  ],
  [['roles', 'set', 'r', '--allow', 'bad'], /^ {2}--allow "bad": must be server\/tool/m],
  [['roles', 'set', 'a b', '--allow', 'hall/*'], /^ {2}NAME: must be letters/m],
  [['rules', 'grant', '--team', 'a b', '--role', 'all-tools'], /^ {2}--team: must be letters/m],
  [['rules', 'grant', '--team', 'a', '--role', 'no'], /There is no role "no"/],
  [['limits', 'set', '--tool', 'bad', '--calls', '1/minute'], /^ {2}--tool: must be server\/tool/m],
  [['keys', 'create', 'a b'], /^ {2}NAME: must be letters/m],
  [['keys', 'create', 'a', '--team', 'b c'], /^ {2}--team "b c": must be letters/m],
  [['add', 'UPPER', nobody, '--no-probe'], /^ {2}NAME: must be a lower-case letter/m],
  [['add', 'x', `http://127.0.0.1:9/${nope}`], /error: SOURCE: the environment variable NOPE/],
  [['add', 'x', `./${nope}`], /error: SOURCE: the environment variable NOPE/],
  [['add', 'x', nobody, '--bearer', nope], /error: --bearer: the environment variable NOPE/],
  [
    ['add', 'x', nobody, '--kind', 'http', '--bearer', nope],
    /error: x: --bearer: the environment variable NOPE/,
  ],
  [['add', 'x', 'ftp://a/mcp', '--kind', 'http'], /^ {2}SOURCE: must be a URL/m],
  [
    ['add', 'x', './pets.json', '--base-url', 'ftp://x'],
    /^ {2}--base-url: must be a URL with http, https/m,
  ],
  [
    ['add', 'x', '--env', `A=${nope}`, '--', 'node'],
    /error: x: --env: the environment variable NOPE/,
  ],
  [
    ['add', 'x', '--', `./${nope}`],
    /error: x: the command behind --: the environment variable NOPE/,
  ],
  [
    ['add', 'x', nobody, '--kind', 'http', '--egress-network', 'bogus'],
    /^ {2}--egress-network "bogus": private, loopback/m,
  ],
  [['convert', 'openapi', `./${nope}`], /error: SOURCE: the environment variable NOPE/],
  [['convert', 'pets.json', '--base-url', 'ftp://x'], /^ {2}--base-url: must be a URL/m],
  [
    ['connect', 'claude', '--toolset', 'no'],
    /There is no toolset "no"\.\n {2}There is none yet; "sallyport toolsets set no/,
  ],
  [
    ['connect', 'claude', '--server', 'hal'],
    /There is no server "hal"\.\n {2}Did you mean hall\? There are: hall\./,
  ],
  [['stdio'], /No key was given\.\n {2}Give --key, or set SALLYPORT_KEY/],
  [['stdio', '--key', 'sp_no'], /The key is not known here/],
])('%j', async (args, says) => {
  const { code, stderr } = await run(args)
  expect(code).toBe(1)
  expect(stderr).toMatch(says)
  expect(stderr).not.toMatch(
    /servers\.|spec\.|stdio\.|"path"|specification|SALLYPORT_LOG|Authorization/,
  )
})

it('a stdio client hears which server or toolset is not there for its key', async () => {
  const ask = (...more: string[]) => run(['stdio', '--key', gateway.key, ...more])
  expect((await ask('--toolset', 'no')).stderr).toMatch(
    /There is no toolset "no"\.\n {2}"sallyport ls" and "sallyport toolsets ls"/,
  )
  expect((await ask('--server', 'no')).stderr).toContain('There is no server "no" at which the key')
})

it('a variable without a value names no key', async () => {
  const env = { SALLYPORT_DATA: gateway.dataDir, SALLYPORT_KEY: '' }
  const { stderr } = await runCommand(['stdio'], { cwd: folder, env })
  expect(stderr).toContain('No key was given.')
})

it('--json has the paths of the contract', async () => {
  const { stdout } = await run(['toolsets', 'set', 't', '--include', 'bad', '--json'])
  expect(JSON.parse(stdout).error.issues[0].path).toBe('spec.include.0')
})

it('a pattern for a server that is not there is taken, with a word about it', async () => {
  const sentence = 'There is no server "hal" yet; did you mean "hall"?'
  for (const args of [
    ['toolsets', 'set', 'early', '--include', 'hal/*', 'ha*/x'],
    ['roles', 'set', 'early', '--allow', 'hall/*', '--deny', 'prompt:hal/x'],
    ['limits', 'set', '--tool', 'hal/*', '--calls', '9/minute'],
  ]) {
    const { code, stderr } = await run(args)
    expect([code, stderr]).toEqual([0, `warning: ${sentence}\n`])
  }
})

it('a description that says no address names the option of its kind', async () => {
  const openapi = await run(['convert', 'pets.json'])
  expect(openapi.stdout).toContain('say it with --base-url, or with openapi.baseUrl in a file')
  const asyncapi = await run(['convert', 'events.json'])
  expect(asyncapi.stdout).toContain('say it with --base-url, or with asyncapi.url in a file')
  const orders = await startOrders()
  const wsdl = await (await fetch(`${orders.origin}/orders?wsdl`)).text()
  await writeFile(
    join(folder, 'o.wsdl'),
    wsdl.replaceAll(/location="http[^"]*orders"/g, 'location="none"'),
  )
  const soap = await run(['convert', 'o.wsdl'])
  orders.stop()
  expect(soap.stdout).toContain('--base-url gives one, or soap.endpoint in a file')
  for (const { stdout } of [openapi, asyncapi, soap]) expect(stdout).not.toContain('configuration')
})

it('the file is named for what stands in it alone', async () => {
  await writeFile(join(folder, 'bad.yaml'), 'access:\n  - { team: ops, roles: [gone] }\n')
  const args = ['--config', 'bad.yaml', '--data', join(folder, 'data')]
  const checked = await runCommand(['check', ...args], { cwd: folder })
  expect(checked.stdout).toMatch(/bad\.yaml:2:\d+ access\.0\.roles\.0: there is no role "gone"/)
  const started = await runCommand(['up', ...args], { cwd: folder })
  expect(started.stderr).toMatch(/bad\.yaml:2:\d+ access\.0\.roles\.0.*\n.*Mend the file/)
})

it.each([
  [['audit', 'export', '--format', 'csv', '--json'], '--json and --format csv exclude each other'],
  [['ls', '--data', ''], '--data is empty'],
  [['check', '--config='], '--config is empty'],
  [['call', 'a.b', '--key', ''], '--key is empty'],
])('what cannot be meant is wrong usage: %j', async (args, sentence) => {
  const { code, stdout, stderr } = await run(args)
  expect([code, stdout + stderr]).toEqual([2, expect.stringContaining(sentence)])
})
