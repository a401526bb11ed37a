import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, stat, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { ask } from '../../src/admin/contract/client.ts'
import { routes } from '../../src/admin/contract/routes.ts'
import { listServers } from '../../src/admin/contract/servers.ts'
import { socketPlace } from '../../src/admin/contract/socket.ts'
import { type AdminServer, serveAdmin } from '../../src/admin/serve.ts'
import { connectRunning } from '../../src/cli/socket-client.ts'
import { owner, standIn } from './stand-in.ts'

const never = new AbortController().signal
const servers: AdminServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

async function serve(ports: Parameters<typeof serveAdmin>[0]): Promise<AdminServer> {
  const server = await serveAdmin(ports, owner)
  servers.push(server)
  return server
}

test('commands speak to the running gateway through a socket of its owner alone', async () => {
  const { ports, cli, dataDir } = await standIn()
  const { path } = await serve(ports)
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  expect((await stat(dirname(path))).mode & 0o777).toBe(0o700)
  expect(path).toBe(join(dataDir, 'admin.sock'))
  const offline = async () => Promise.reject(new Error('not this way'))
  expect((await cli('ls', { offline })).stdout).toContain('files')
  expect((await cli('connect cursor', { offline })).stderr).toBe('')
  const refused = await cli('remove nope', { offline })
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('"nope"')])
})

test('following ends when the command is interrupted', async () => {
  const { ports, cli, journal } = await standIn()
  journal.push({ writer: 'w', sequence: 0, entry: { kind: 'system', at: 1 } })
  const read = ports.audit.read
  Object.assign(ports.audit, {
    async *read(from: (writer: string) => number, follow: AbortSignal | undefined) {
      yield* read(from, follow)
      if (follow !== undefined)
        await new Promise((resolve) => follow.addEventListener('abort', resolve))
    },
  })
  await serve(ports)
  const stop = new AbortController()
  const tail = cli('audit tail -f', { signal: stop.signal })
  setTimeout(() => stop.abort(), 200)
  const { code, stdout } = await tail
  expect([code, stdout]).toEqual([0, expect.stringContaining('system')])
})

test('a path that is too long for a socket moves to a private temporary folder', async () => {
  const { ports, dir } = await standIn()
  const dataDir = join(dir, 'a'.repeat(80), 'b'.repeat(40))
  const { path } = await serve({ ...ports, dataDir })
  expect(Buffer.byteLength(path)).toBeLessThanOrEqual(100)
  expect((await stat(dirname(path))).mode & 0o777).toBe(0o700)
  const client = await connectRunning(dataDir, never)
  if (client === undefined) throw new Error('nobody listens')
  expect((await ask(client, listServers, {})).servers).toHaveLength(2)
  await symlink(dataDir, join(dir, 'link'))
  expect((await socketPlace(join(dir, 'link'))).path).toBe(path)
})

test('a second gateway on a data folder is refused; the socket of a dead one is replaced', async () => {
  const { ports, dataDir } = await standIn()
  const { path } = await serve(ports)
  await expect(serveAdmin(ports, owner)).rejects.toThrow('Another gateway')
  for (const server of servers.splice(0)) await server.close()
  const listens = `require('net').createServer().listen(${JSON.stringify(path)}, () => console.log())`
  const killed = spawn(process.execPath, ['-e', listens])
  await once(killed.stdout, 'data')
  killed.kill('SIGKILL')
  await once(killed, 'exit')
  expect((await stat(path)).isSocket()).toBe(true)
  expect(await connectRunning(dataDir, never)).toBeUndefined()
  await serve(ports)
  expect(await connectRunning(dataDir, never)).toBeDefined()
})

test('a folder that others can enter is not trusted', async () => {
  const { ports, cli, dataDir } = await standIn()
  await serve(ports)
  await chmod(dataDir, 0o755)
  const { code, stderr } = await cli('ls')
  expect([code, stderr]).toEqual([1, expect.stringContaining('chmod 700')])
})

test('the description names every operation, and unknown paths and bad bodies get an error of ours', async () => {
  const { ports, dataDir } = await standIn()
  await serve(ports)
  const client = await connectRunning(dataDir, never)
  if (client === undefined) throw new Error('nobody listens')
  const description = JSON.parse((await client.request('GET', '/api/openapi.json')).body)
  expect(description.openapi).toBe('3.1.0')
  for (const { id, method, path } of routes)
    expect(description.paths[path][method.toLowerCase()].operationId).toBe(id)
  expect(description.paths['/api/roles/{name}'].put.requestBody).toBeDefined()
  const unknown = await client.request('GET', '/api/nope')
  expect([unknown.status, JSON.parse(unknown.body).error.code]).toEqual([404, 'not_found'])
  const bad = await client.request('POST', '/api/keys', [1])
  expect([bad.status, JSON.parse(bad.body).error.issues[0].path]).toEqual([422, 'name'])
  const wrong = await client.request('GET', '/api/audit/entries?last=x')
  expect([wrong.status, JSON.parse(wrong.body).error.code]).toEqual([422, 'invalid'])
})
