import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { patienceMs } from '../../../test/patience.ts'
import { createEgress } from '../../egress/guard.ts'
import { ConversionFault } from '../../model/conversion.ts'
import { type ReadCaps, readCaps } from './bounds.ts'
import { DescriptionSource } from './source.ts'
import { watchFiles } from './watch-files.ts'

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

async function folder(files: Readonly<Record<string, string | Buffer>>): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'description-'))
  ends.push(() => rm(made, { recursive: true, force: true }))
  for (const [name, content] of Object.entries(files)) {
    await mkdir(join(made, name, '..'), { recursive: true })
    await writeFile(join(made, name), content)
  }
  return made
}

async function serve(listener: RequestListener, host = '127.0.0.1'): Promise<string> {
  const server: Server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  ends.push(
    () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(resolve)
      }),
  )
  const address = server.address()
  return `http://${host}:${typeof address === 'object' ? address?.port : 0}`
}

function source(
  place: string,
  more: {
    named?: readonly string[]
    networks?: readonly string[]
    caps?: Partial<ReadCaps>
    credential?: { origin: string; headers: Record<string, string> }
  } = {},
): DescriptionSource {
  const own = /^http/.test(place) ? [new URL(place).hostname] : []
  return new DescriptionSource({
    place,
    egress: createEgress({
      named: [...own, ...(more.named ?? [])],
      spec: { hosts: [], networks: [...(more.networks ?? [])] },
    }),
    caps: { ...readCaps, ...more.caps },
    credential: more.credential ?? { origin: '', headers: {} },
    tls: undefined,
  })
}

const signal = AbortSignal.timeout(patienceMs)

async function faultOf(work: Promise<unknown>): Promise<ConversionFault> {
  const fault: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(fault instanceof ConversionFault)) throw new Error(`no fault: ${String(fault)}`)
  return fault
}

describe('files', () => {
  it('reads the description and what lies beside it', async () => {
    const dir = await folder({
      'api/openapi.yaml': 'openapi: 3.1.0',
      'api/parts/pet one.yaml': 'pet',
      'api/parts/deep/x.yaml': 'x',
    })
    const place = join(dir, 'api/openapi.yaml')
    const read = source(place)
    expect((await read.describe(signal, false))?.text).toBe('openapi: 3.1.0')
    const pet = await read.read('parts/pet%20one.yaml#/Pet', place)
    expect(pet.text).toBe('pet')
    const deep = await read.read('./deep/x.yaml', pet.location)
    expect((await read.read('../../openapi.yaml', deep.location)).text).toBe('openapi: 3.1.0')
  })

  it.each([
    ['a file URL', 'file:///etc/passwd'],
    ['an absolute path', '/etc/passwd'],
    ['an encoded way out', '..%2f..%2fsecret.txt'],
    ['a way out', '../secret.txt'],
    ['a way out that is not there', '../nothing.txt'],
    ['a link out', 'link.txt'],
    ['a folder link out', 'out/secret.txt'],
    ['another scheme', 'ftp://host.example/x'],
    ['data', 'data:text/plain,x'],
    ['a metadata address', 'http://169.254.169.254/latest/meta-data/'],
    ['a host that is not named', 'https://elsewhere.example/x.yaml'],
    ['an address of this machine', 'http://127.0.0.1:9/x'],
    ['the same in other clothes', 'http://[::ffff:7f00:1]:9/x'],
    ['a zero byte', 'a%00.yaml'],
  ])('refuses %s', async (_, reference) => {
    const dir = await folder({ 'api/openapi.yaml': 'x', 'secret.txt': 'secret' })
    await symlink(join(dir, 'secret.txt'), join(dir, 'api/link.txt'))
    await symlink(dir, join(dir, 'api/out'))
    const place = join(dir, 'api/openapi.yaml')
    const read = source(place)
    await read.describe(signal, false)
    const fault = await faultOf(read.read(reference, place))
    expect(fault.code).toBe('document_refused')
    expect(fault.place).not.toBe('')
    expect(`${fault.message} ${fault.place}`).not.toContain('secret\n')
  })

  it('reads by declared encodings, and bytes as base64', async () => {
    const xml = '<?xml version="1.0" encoding="ISO-8859-1"?><a>\u00fc</a>'
    const dir = await folder({
      'a.wsdl': Buffer.from(xml, 'latin1'),
      'b.wsdl': Buffer.from(`\ufeff<a>\u00fc</a>`, 'utf16le'),
      'c.pb': Buffer.from([0x0a, 0x03, 0x61, 0x2e, 0x70, 0x00]),
    })
    const place = join(dir, 'a.wsdl')
    const read = source(place)
    expect((await read.describe(signal, false))?.text).toBe(xml)
    expect((await read.read('b.wsdl', place)).text).toBe('<a>\u00fc</a>')
    expect(await read.read('c.pb', place)).toMatchObject({ text: 'CgNhLnAA', base64: true })
  })

  it('bounds bytes and documents', async () => {
    const dir = await folder({ 'a.yaml': 'x'.repeat(60), 'b.yaml': 'y'.repeat(60) })
    const place = join(dir, 'a.yaml')
    const small = source(place, { caps: { documentBytesMax: 50 } })
    expect((await faultOf(small.describe(signal, false))).code).toBe('description_too_large')
    const together = source(place, { caps: { totalBytesMax: 100 } })
    await together.describe(signal, false)
    expect((await faultOf(together.read('b.yaml', place))).code).toBe('description_too_large')
    const many = source(place, { caps: { documentsMax: 2 } })
    await many.describe(signal, false)
    await many.read('b.yaml', place)
    expect((await faultOf(many.read('b.yaml', place))).message).toContain('more than 2 documents')
  })

  it('reads nothing that never ends', async () => {
    const fault = await faultOf(source('/dev/zero').describe(signal, false))
    expect(fault.code).toBe('document_unreadable')
  })

  it('sees changes of what the description points at', async () => {
    const dir = await folder({ 'a.yaml': 'a', 'b.yaml': 'b' })
    const place = join(dir, 'a.yaml')
    const read = source(place)
    await read.describe(signal, false)
    await read.read('b.yaml', place)
    expect(await read.describe(signal, true)).toBeUndefined()
    const stop = await new Promise<() => void>((resolve) => {
      const end = watchFiles(
        () => read.files,
        () => resolve(end),
      )
      void writeFile(join(dir, 'b.yaml'), 'changed')
    })
    stop()
    expect((await read.describe(signal, true))?.text).toBe('a')
  })
})

describe('URLs', () => {
  it('reads what the same host has, and follows redirects there', async () => {
    const base = await serve((request, response) => {
      if (request.url === '/moved') response.writeHead(302, { location: '/api/openapi.json' }).end()
      else if (request.url === '/api/openapi.json')
        response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' }).end('{}')
      else if (request.url === '/api/pet.json') response.end('pet')
      else response.writeHead(404).end()
    })
    const read = source(`${base}/moved`)
    const root = await read.describe(signal, false)
    expect(root).toEqual({
      location: `${base}/api/openapi.json`,
      mediaType: 'application/json',
      text: '{}',
    })
    expect((await read.read('pet.json#/Pet', root?.location ?? '')).text).toBe('pet')
    expect((await faultOf(read.read('none', root?.location ?? ''))).message).toContain('404')
    const fault = await faultOf(read.read('file:///etc/passwd', root?.location ?? ''))
    expect(fault.code).toBe('document_refused')
  })

  it('refuses redirects to what it may not reach, and too many', async () => {
    const base = await serve((request, response) => {
      const to = request.url === '/meta' ? 'http://169.254.169.254/' : '/again'
      response.writeHead(307, { location: to }).end()
    })
    expect((await faultOf(source(`${base}/meta`).describe(signal, false))).code).toBe(
      'document_refused',
    )
    expect((await faultOf(source(`${base}/again`).describe(signal, false))).message).toContain(
      'more than 5 times',
    )
  })

  it('shows a credential to its own origin alone', async () => {
    const seen: (string | undefined)[] = []
    const other = await serve((request, response) => {
      seen.push(request.headers.authorization)
      response.end('other')
    }, '127.0.0.2')
    const base = await serve((request, response) => {
      seen.push(request.headers.authorization)
      if (request.url === '/a') response.end('a')
      else response.writeHead(302, { location: `${other}/b` }).end()
    })
    const credential = { origin: base, headers: { authorization: 'Bearer t' } }
    await source(`${base}/a`, { credential }).describe(signal, false)
    const moved = source(`${base}/b`, { credential, named: ['127.0.0.2'] })
    expect((await moved.describe(signal, false))?.text).toBe('other')
    expect(seen).toEqual(['Bearer t', 'Bearer t', undefined])
  })

  it('bounds size and time', async () => {
    const base = await serve((request, response) => {
      if (request.url === '/large') response.end('x'.repeat(2_000))
      else response.write('x')
    })
    const large = source(`${base}/large`, { caps: { documentBytesMax: 1_000 } })
    expect((await faultOf(large.describe(signal, false))).code).toBe('description_too_large')
    const slow = source(`${base}/slow`, { caps: { timeMsMax: 200 } })
    expect((await faultOf(slow.describe(signal, false))).message).toContain('in time')
  })

  it('asks for changes with the validators of the last version', async () => {
    let version = 1
    const asked: (string | undefined)[] = []
    const base = await serve((request, response) => {
      const etag = `"${version}"`
      asked.push(request.headers['if-none-match'])
      if (request.headers['if-none-match'] === etag) response.writeHead(304).end()
      else response.writeHead(200, { etag }).end(`v${version}`)
    })
    const read = source(`${base}/a`)
    expect((await read.describe(signal, false))?.text).toBe('v1')
    expect(await read.describe(signal, true)).toBeUndefined()
    version = 2
    expect((await read.describe(signal, true))?.text).toBe('v2')
    expect(await read.describe(signal, true)).toBeUndefined()
    expect(asked).toEqual([undefined, '"1"', '"1"', undefined, '"2"'])
  })
})
