/** An API as a server, from its description to governed calls, by the public door and the command line. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { builtProgram } from '../built.ts'
import { eventually, legacySession, modernCall, modernTool, openListen } from './client.ts'
import { everything, startGateway, type TestGateway } from './gateway.ts'
import { dig, digList, digText, names } from './json.ts'

interface Pets {
  readonly url: string
  /** What was asked: method, path and the credential. */
  readonly asked: { method: string; path: string; authorization: string | undefined }[]
  stop(): Promise<void>
}

/** A small REST API that also serves its own description. */
async function startPets(describe: (url: string) => object): Promise<Pets> {
  const asked: Pets['asked'] = []
  const server: Server = createServer((request: IncomingMessage, response) => {
    const { method = '', url: path = '' } = request
    asked.push({ method, path, authorization: request.headers.authorization })
    response.setHeader('content-type', 'application/json')
    if (path.startsWith('/openapi.json')) response.end(JSON.stringify(describe(base)))
    else if (path.startsWith('/pets/')) response.end(`{"id": ${path.slice(6)}, "name": "Rex"}`)
    else if (path === '/pets') response.end('[{"id": 12345678901234567890, "name": "Rex"}]')
    else response.writeHead(404).end('{"error": "nothing here"}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const base = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
  return {
    url: base,
    asked,
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

const pet = {
  type: 'object',
  properties: { id: { type: 'integer' }, name: { type: 'string' } },
}
const answer = (schema: object): object => ({
  200: { description: 'Done', content: { 'application/json': { schema } } },
})
const list = {
  operationId: 'listPets',
  summary: 'List all pets',
  responses: answer({ type: 'array', items: { $ref: 'pet.yaml' } }),
}
/** Of a description that points at nothing. */
const inline = { ...list, responses: answer({ type: 'array', items: pet }) }
const get = {
  operationId: 'getPet',
  summary: 'Get one pet',
  parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'integer' } }],
  responses: answer({ $ref: 'pet.yaml' }),
}

function description(url: string, paths: object): object {
  return {
    openapi: '3.1.0',
    info: { title: 'Pets', version: '1.0.0', description: 'A shop of pets.' },
    servers: [{ url }],
    paths,
  }
}

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function runCommand(folder: string, args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, [builtProgram, ...args], {
    cwd: folder,
    env: { PATH: '/usr/bin:/bin', NODE_NO_WARNINGS: '1' },
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk) => (stdout += String(chunk)))
  child.stderr.on('data', (chunk) => (stderr += String(chunk)))
  return new Promise((resolve) =>
    child.once('close', (code) => resolve({ code: code ?? -1, stdout, stderr })),
  )
}

describe('an API behind the gateway', () => {
  let folder = ''
  let pets: Pets
  let gateway: TestGateway
  const file = (name: string): string => join(folder, name)
  const write = (content: object | string): Promise<void> =>
    writeFile(file('pets.yaml'), typeof content === 'string' ? content : stringify(content))

  const sallyport = (...args: readonly string[]): Promise<Ended> =>
    runCommand(folder, [...args, '--data', gateway.dataDir, '--config', file('none.yaml')])

  const listed = async (server: string): Promise<readonly string[]> => {
    const reply = await modernCall(gateway.server(server), gateway.key, 'tools/list')
    return dig(reply.message, 'result') === undefined ? [] : names(reply.message, 'tools')
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sallyport-apis-'))
    pets = await startPets((url) =>
      description(url, {
        '/pets': { get: { ...list, responses: answer({ type: 'array', items: pet }) } },
      }),
    )
    await writeFile(file('pet.yaml'), stringify(pet))
    await write(description(pets.url, { '/pets': { get: list } }))
    gateway = await startGateway({
      config: {
        servers: {
          pets: {
            openapi: { spec: file('pets.yaml'), baseUrl: pets.url },
            credential: { bearer: '$' + '{PETS_TOKEN}' },
          },
        },
      },
      env: { PETS_TOKEN: 'of-the-pets' },
    })
  })

  afterAll(async () => {
    await gateway?.stop()
    await pets?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  test('its operations are listed and called, under the credential that was configured', async () => {
    await eventually(async () => (await listed('pets')).length > 0)
    expect(await listed('pets')).toEqual(['list_pets'])
    const all = await modernCall(gateway.url, gateway.key, 'tools/list')
    expect(names(all.message, 'tools')).toContain('pets__list_pets')
    const [tool] = digList(all.message, 'result', 'tools')
    expect(digText(tool, 'description')).toContain('List all pets')
    expect(dig(tool, 'annotations', 'readOnlyHint')).toBe(true)

    const called = await modernTool(gateway.url, gateway.key, 'pets__list_pets')
    // The API's own bytes: the large number survives.
    expect(called.text).toContain('12345678901234567890')
    expect(dig(called.message, 'result', 'structuredContent')).toBeDefined()
    expect(pets.asked.at(-1)).toEqual({
      method: 'GET',
      path: '/pets',
      authorization: 'Bearer of-the-pets',
    })
    const legacy = await legacySession(gateway.server('pets'), gateway.key)
    const again = await legacy.tool('list_pets')
    expect(dig(again.message, 'result', 'content', 0, 'type')).toBe('text')
  })

  test('a changed file changes the list and says so; a broken one keeps the tools', async () => {
    const listen = await openListen(gateway.url, gateway.key, { toolsListChanged: true })
    await listen.untilMethod('notifications/subscriptions/acknowledged')
    await write(description(pets.url, { '/pets': { get: list }, '/pets/{id}': { get } }))
    await listen.untilMethod('notifications/tools/list_changed')
    expect(await listed('pets')).toEqual(['get_pet', 'list_pets'])
    const called = await modernTool(gateway.server('pets'), gateway.key, 'get_pet', { id: 7 })
    expect(dig(called.message, 'result', 'structuredContent')).toEqual({ id: 7, name: 'Rex' })
    const wrong = await modernTool(gateway.server('pets'), gateway.key, 'get_pet', { id: 'x' })
    expect(wrong.text).toContain('/id: expected integer')

    await write('openapi: 3.1.0\ninfo: [broken\n')
    await eventually(async () => (await sallyport('ls')).stdout.includes('earlier description'))
    expect(await listed('pets')).toEqual(['get_pet', 'list_pets'])
    const still = await modernTool(gateway.server('pets'), gateway.key, 'list_pets')
    expect(dig(still.message, 'result', 'isError')).not.toBe(true)
    const doctor = await sallyport('doctor', 'pets')
    expect(doctor.code).toBe(1)
    expect(doctor.stdout).toContain('description_invalid')

    // What the description points at is watched like the description.
    await write(description(pets.url, { '/pets/{id}': { get } }))
    await eventually(async () => (await listed('pets')).length === 1)
    const before = await modernCall(gateway.server('pets'), gateway.key, 'tools/list')
    await writeFile(
      file('pet.yaml'),
      stringify({ ...pet, properties: { ...pet.properties, age: { type: 'integer' } } }),
    )
    await eventually(async () => {
      const { text } = await modernCall(gateway.server('pets'), gateway.key, 'tools/list')
      return text.includes('"age"')
    })
    expect(before.text).not.toContain('"age"')
    listen.close()
  })

  test('convert shows the tools and stores nothing', async () => {
    await write(description(pets.url, { '/pets': { get: list }, '/pets/{id}': { get } }))
    const { code, stdout } = await sallyport('convert', 'pets.yaml', '--json', '--exclude', 'get_*')
    expect(code).toBe(0)
    const view: unknown = JSON.parse(stdout)
    expect(dig(view, 'operations')).toBe(2)
    expect(dig(view, 'tools', 0, 'operation')).toBe('GET /pets')
    expect(dig(view, 'tools', 0, 'inputSchema', 'type')).toBe('object')
    expect(dig(view, 'skipped', 0)).toMatchObject({ operation: 'GET /pets/{id}', code: 'excluded' })
    const none = await sallyport('convert', 'openapi', 'pets.yaml', '--exclude', '*')
    expect(none.code).toBe(1)
    expect((await sallyport('convert', 'pet.yaml')).code).toBe(1)
  })

  test('add takes the URL of a description, and pins where its calls go', async () => {
    const { code, stdout, stderr } = await sallyport(
      'add',
      'shop',
      `${pets.url}/openapi.json`,
      '--bearer',
      'plain-token',
    )
    expect(`${stdout}${stderr}`).not.toContain('plain-token')
    expect(code).toBe(0)
    expect(stdout).toContain('an OpenAPI description')
    expect(stdout).toContain('1 of 1 operations became tools')
    expect(stdout).toContain(`Calls go to ${pets.url}`)
    await eventually(async () => (await listed('shop')).length === 1)
    const called = await modernTool(gateway.url, gateway.key, 'shop__list_pets')
    expect(called.text).toContain('Rex')
    expect(pets.asked.at(-1)?.authorization).toBe('Bearer plain-token')
    const shown = await sallyport('ls')
    expect(shown.stdout).toMatch(/shop +openapi +up +1 /)
    const doctor = await sallyport('doctor', 'shop')
    expect(doctor.stdout).toContain('1 of 1 operations converted')
  })

  test('add refuses what is no description, and leaves nothing half registered', async () => {
    await writeFile(
      file('broken.yaml'),
      'openapi: 9.9.9\ninfo: {title: x, version: "1"}\npaths: {}\n',
    )
    const broken = await sallyport('add', 'broken', 'broken.yaml')
    expect(broken.code).toBe(1)
    expect(broken.stderr).toMatch(/version_unknown|description_invalid/)
    await writeFile(file('notes.txt'), 'nothing of the kind')
    const notes = await sallyport('add', 'notes', 'notes.txt')
    expect(notes.code).toBe(1)
    expect(notes.stderr).toContain('--kind')
    const shown = await sallyport('ls')
    expect(shown.stdout).not.toMatch(/broken|notes/)
  })
})

describe('a description behind a URL', () => {
  let paths: object = { '/pets': { get: inline } }
  let broken = false
  let pets: Pets
  let gateway: TestGateway

  beforeAll(async () => {
    pets = await startPets((url) => (broken ? { openapi: '3.1.0' } : description(url, paths)))
    gateway = await startGateway({
      keys: { first: everything },
      config: {
        servers: {
          pets: {
            openapi: { spec: `${pets.url}/openapi.json?key=hidden-key` },
            egress: { networks: [] },
            refresh: '300ms',
          },
          elsewhere: { openapi: { spec: 'https://127.0.0.1.nip.invalid/openapi.json' } },
          none: { openapi: { spec: './not-there.yaml' } },
        },
      },
    })
  })

  afterAll(async () => {
    await gateway?.stop()
    await pets?.stop()
  })

  const listed = async (): Promise<readonly string[]> => {
    const reply = await modernCall(gateway.server('pets'), gateway.key, 'tools/list')
    return dig(reply.message, 'result') === undefined ? [] : names(reply.message, 'tools')
  }

  test('is asked again, and a version that cannot be used changes nothing', async () => {
    await eventually(async () => (await listed()).length === 1)
    const listen = await openListen(gateway.url, gateway.key, { toolsListChanged: true })
    await listen.untilMethod('notifications/subscriptions/acknowledged')
    paths = { '/pets': { get: inline }, '/dogs': { get: { ...inline, operationId: 'listDogs' } } }
    await listen.untilMethod('notifications/tools/list_changed')
    expect(await listed()).toEqual(['list_dogs', 'list_pets'])
    broken = true
    await eventually(async () => gateway.log.includes('earlier description'))
    expect(await listed()).toEqual(['list_dogs', 'list_pets'])
    const called = await modernTool(gateway.server('pets'), gateway.key, 'list_pets')
    expect(called.text).toContain('Rex')
    broken = false
    paths = { '/pets': { get: inline } }
    await eventually(async () => (await listed()).length === 1)
    expect(gateway.log).not.toContain('hidden-key')
    listen.close()
  })

  test('other servers that cannot be converted delay and stop nobody', async () => {
    const reply = await modernCall(gateway.url, gateway.key, 'tools/list')
    expect(names(reply.message, 'tools')).toEqual(['pets__list_pets'])
    await eventually(async () => gateway.log.includes('not-there.yaml'))
    const called = await modernTool(gateway.server('none'), gateway.key, 'anything')
    expect(dig(called.message, 'error', 'data', 'code')).toBe('tool_unknown')
  })
})

/** Makes a gateway in a folder, and stops it again. */
async function upOnce(folder: string): Promise<void> {
  const child = spawn(process.execPath, [builtProgram, 'up', '--port', '0'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { PATH: '/usr/bin:/bin', NODE_NO_WARNINGS: '1' },
  })
  const closed = once(child, 'close')
  for await (const chunk of child.stdout) if (/sp_[A-Za-z0-9_-]{43}/.test(String(chunk))) break
  child.kill('SIGTERM')
  await closed
}

test('with no gateway running, two commands lead to a call; what cannot be read is not taken for something else', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-alone-'))
  const pets = await startPets((url) => description(url, { '/pets': { get: inline } }))
  // A folder that others may enter keeps the embedded database below it, also for root.
  await chmod(folder, 0o755)
  const sallyport = (...args: readonly string[]): Promise<Ended> => runCommand(folder, args)
  try {
    const none = await sallyport('add', 'pets', `${pets.url}/openapi.json`)
    expect(none.stderr).toContain('no gateway')
    await upOnce(folder)
    const added = await sallyport('add', 'pets', `${pets.url}/openapi.json`)
    expect(added.stdout).toContain('Registered pets.')
    const called = await sallyport('call', 'pets.list_pets', '{}')
    expect(called.stdout).toContain('Rex')
    // The second command that writes waits for the database, too.
    expect((await sallyport('keys', 'create', 'ann', '--role', 'all-tools')).code).toBe(0)
    const gone = await sallyport('add', 'gone', `${pets.url}/none/openapi.yaml`)
    expect(gone.code).toBe(1)
    expect(gone.stderr).toContain('answers with status 404')
  } finally {
    await pets.stop()
    await rm(folder, { recursive: true, force: true })
  }
})
