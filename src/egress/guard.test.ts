import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { createServer as createTcp, isIP } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { patienceMs } from '../../test/patience.ts'
import { GatewayError, publicSentence } from '../model/refusal.ts'
import { classOf } from './addresses.ts'
import type { Egress } from './egress.ts'
import { createEgress, type Resolved } from './guard.ts'

interface Setting {
  named?: readonly string[]
  hosts?: string[]
  networks?: string[]
  dns?: Readonly<Record<string, readonly string[]>>
}

const asked: string[] = []

function egress({ named = [], hosts = [], networks = [], dns = {} }: Setting): Egress {
  return createEgress({
    named,
    spec: { hosts, networks },
    resolve: async (host) => {
      asked.push(host)
      return (dns[host] ?? []).map(
        (address): Resolved => ({ address, family: isIP(address) === 6 ? 6 : 4 }),
      )
    },
  })
}

async function refusal(act: () => unknown): Promise<GatewayError> {
  try {
    await act()
  } catch (fault) {
    if (fault instanceof GatewayError) return fault
    throw fault
  }
  throw new Error('was not refused')
}

function portOf(server: { address(): unknown }): number {
  const address = server.address()
  return typeof address === 'object' && address !== null && 'port' in address
    ? Number(address.port)
    : 0
}

const url = (text: string): URL => new URL(text)

describe('which addresses are refused', () => {
  const refused: readonly (readonly [string, string])[] = [
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['::1', 'loopback'],
    ['10.1.2.3', 'private'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'private'],
    ['fc00::1', 'private'],
    ['fdab::1', 'private'],
    ['fec0::1', 'private'],
    ['169.254.1.1', 'link-local'],
    ['fe80::1', 'link-local'],
    ['169.254.169.254', 'metadata'],
    ['169.254.170.2', 'metadata'],
    ['fd00:ec2::254', 'metadata'],
    ['100.100.100.200', 'metadata'],
    ['0.0.0.0', 'reserved'],
    ['0.1.2.3', 'reserved'],
    ['::', 'reserved'],
    ['224.0.0.1', 'reserved'],
    ['ff02::1', 'reserved'],
    ['255.255.255.255', 'reserved'],
    ['240.0.0.1', 'reserved'],
    ['192.0.2.1', 'reserved'],
    ['198.18.0.1', 'reserved'],
    ['198.51.100.1', 'reserved'],
    ['203.0.113.1', 'reserved'],
    ['2001:db8::1', 'reserved'],
    ['100::1', 'reserved'],
    ['5f00::1', 'reserved'],
    ['64:ff9b:1::a00:1', 'reserved'],
  ]

  it.each(refused)('%s is %s', async (address, kind) => {
    expect(classOf(address)).toBe(kind)
    const guard = egress({ named: ['api.test'], dns: { 'api.test': [address] } })
    const fault = await refusal(() => guard.resolve('api.test'))
    expect(fault.code).toBe('egress_refused')
    expect(fault.message).toContain('api.test')
    expect(fault.message).toContain('egress.networks')
    // The address is for the operator, never for the caller.
    expect(publicSentence(fault)).not.toContain(address)
    expect(publicSentence(fault)).not.toContain('api.test')
  })

  const open = [
    '8.8.8.8',
    '1.1.1.1',
    '172.32.0.1',
    '100.128.0.1',
    '2606:4700::1111',
    '64:ff9b::808:808',
  ]
  it.each(open)('%s is fine', async (address) => {
    const guard = egress({ named: ['api.test'], dns: { 'api.test': [address] } })
    expect((await guard.resolve('api.test')).address).toBe(address)
  })

  it('looks into every IPv6 form that carries an IPv4 address', async () => {
    const octet = fc.integer({ min: 0, max: 255 })
    const address = fc.oneof(
      fc.tuple(fc.constant(127), octet, octet, octet),
      fc.tuple(fc.constant(10), octet, octet, octet),
      fc.tuple(fc.constant(192), fc.constant(168), octet, octet),
      fc.constant([169, 254, 169, 254] as const),
      fc.constant([100, 100, 100, 200] as const),
    )
    const hex = (a: number, b: number): string => ((a << 8) | b).toString(16)
    const forms: readonly ((v4: readonly number[]) => string)[] = [
      ([a = 0, b = 0, c = 0, d = 0]) => `::ffff:${a}.${b}.${c}.${d}`,
      ([a = 0, b = 0, c = 0, d = 0]) => `0:0:0:0:0:FFFF:${hex(a, b)}:${hex(c, d)}`,
      ([a = 0, b = 0, c = 0, d = 0]) => `::${hex(a, b)}:${hex(c, d)}`,
      ([a = 0, b = 0, c = 0, d = 0]) => `::ffff:0:${hex(a, b)}:${hex(c, d)}`,
      ([a = 0, b = 0, c = 0, d = 0]) => `64:ff9b::${hex(a, b)}:${hex(c, d)}`,
      ([a = 0, b = 0, c = 0, d = 0]) => `2002:${hex(a, b)}:${hex(c, d)}::1`,
      ([a = 0, b = 0, c = 0, d = 0]) =>
        `2001:0:808:808::${hex(a ^ 255, b ^ 255)}:${hex(c ^ 255, d ^ 255)}`,
      ([a = 0, b = 0, c = 0, d = 0]) => `2001:0:${hex(a, b)}:${hex(c, d)}::f7f7:f7f7`,
      ([a = 0, b = 0, c = 0, d = 0]) => `2606::5efe:${a}.${b}.${c}.${d}`,
    ]
    await fc.assert(
      fc.asyncProperty(address, fc.constantFrom(...forms), async (v4, form) => {
        const guard = egress({ named: ['api.test'], dns: { 'api.test': [form(v4)] } })
        expect((await refusal(() => guard.resolve('api.test'))).code).toBe('egress_refused')
        const literal = egress({ hosts: ['*.test'] })
        expect((await refusal(() => literal.check(url(`http://[${form(v4)}]/`)))).code).toBe(
          'egress_refused',
        )
      }),
      { numRuns: 300 },
    )
  })

  it('reads odd spellings of IPv4 addresses as the addresses that they are, or not at all', async () => {
    const spellings = fc
      .tuple(
        fc.constantFrom(0x7f000001, 0xa9fea9fe, 0x0a000001, 0xc0a80001, 0),
        fc.constantFrom(
          (n: number) => String(n),
          (n: number) => `0x${n.toString(16)}`,
          (n: number) => `0${n.toString(8)}`,
          (n: number) => `${n >>> 24}.${n & 0xffffff}`,
          (n: number) => `${n >>> 24}.${(n >>> 16) & 255}.${n & 0xffff}`,
          (n: number) =>
            [24, 16, 8, 0].map((at) => `0x${((n >>> at) & 255).toString(16)}`).join('.'),
          (n: number) => [24, 16, 8, 0].map((at) => `0${((n >>> at) & 255).toString(8)}`).join('.'),
          (n: number) => `${[24, 16, 8, 0].map((at) => (n >>> at) & 255).join('.')}.`,
          (n: number) => `[::ffff:${[24, 16, 8, 0].map((at) => (n >>> at) & 255).join('.')}]`,
        ),
      )
      .map(([n, spell]) => spell(n))
    await fc.assert(
      fc.asyncProperty(spellings, async (host) => {
        const guard = egress({ named: ['api.test'], hosts: ['*', '*.*', '*.*.*', '*.*.*.*'] })
        expect((await refusal(() => guard.check(url(`http://${host}/`)))).code).toBe(
          'egress_refused',
        )
        expect((await refusal(() => guard.resolve(host))).code).toBe('egress_refused')
      }),
    )
  })

  it('drops refused answers and dials the others; with none left it refuses', async () => {
    const dns = {
      'api.test': ['127.0.0.1', '9.9.9.9', '10.0.0.1', '2606:4700::1'],
      'in.test': ['10.0.0.1'],
    }
    const guard = egress({ named: ['api.test', 'in.test'], dns })
    const { promise, resolve } = Promise.withResolvers<unknown>()
    guard.lookup('api.test', { all: true }, (_fault, addresses) => resolve(addresses))
    expect(await promise).toEqual([
      { address: '9.9.9.9', family: 4 },
      { address: '2606:4700::1', family: 6 },
    ])
    expect((await refusal(() => guard.resolve('in.test'))).code).toBe('egress_refused')
  })

  it('refuses zones and answers that are no addresses', async () => {
    const guard = egress({
      named: ['api.test', 'fe80::1%eth0'],
      dns: { 'api.test': ['fe80::1%lo'] },
    })
    await expect(guard.resolve('api.test')).rejects.toThrow('no address')
    expect((await refusal(() => guard.resolve('fe80::1%eth0'))).code).toBe('egress_refused')
  })
})

describe('what an operator allows', () => {
  const dns = { 'api.test': ['10.0.0.5'], 'loop.test': ['127.0.0.1'], 'link.test': ['169.254.3.4'] }
  const named = ['api.test', 'loop.test', 'link.test']

  it('words open their ranges and nothing else', async () => {
    const can = async (networks: string[]): Promise<readonly string[]> => {
      const guard = egress({ named, networks, dns })
      const open: string[] = []
      for (const name of named)
        if (await guard.resolve(name).catch(() => undefined)) open.push(name)
      return open
    }
    expect(await can([])).toEqual([])
    expect(await can(['private'])).toEqual(['api.test'])
    expect(await can(['loopback'])).toEqual(['loop.test'])
    expect(await can(['link-local'])).toEqual(['link.test'])
    expect(await can(['10.0.0.0/24'])).toEqual(['api.test'])
    expect(await can(['10.0.1.0/24'])).toEqual([])
  })

  it('metadata opens only by the address itself', async () => {
    const aws = { 'meta.test': ['169.254.169.254'] }
    const one = (networks: string[], names = ['meta.test']): Egress =>
      egress({ named: names, networks, dns: aws })
    for (const networks of [
      ['link-local'],
      ['private'],
      ['169.254.0.0/16'],
      ['169.254.169.254/31'],
    ])
      expect((await refusal(() => one(networks).resolve('meta.test'))).code).toBe('egress_refused')
    await one(['169.254.169.254/32']).resolve('meta.test')
    one([], ['169.254.169.254']).check(url('http://169.254.169.254/latest'))
    // Written in the address is written in that form: a name that leads there is another thing.
    const both = one([], ['169.254.169.254', 'meta.test'])
    expect((await refusal(() => both.resolve('meta.test'))).code).toBe('egress_refused')
  })

  it('a literal address or localhost in the address says so', async () => {
    const guard = egress({
      named: ['127.0.0.1', 'LOCALHOST', '[::1]', 'app.localhost'],
      dns: { localhost: ['127.0.0.1', '10.0.0.1'], 'app.localhost': ['127.0.0.1'] },
    })
    guard.check(url('http://127.0.0.1:1234/'))
    guard.check(url('http://[::1]:1234/'))
    guard.check(url('http://[::ffff:127.0.0.1]:1234/'))
    expect(await guard.resolve('localhost')).toEqual({ address: '127.0.0.1', family: 4 })
    await guard.resolve('app.localhost')
    expect((await refusal(() => guard.check(url('http://127.0.0.2/')))).code).toBe('egress_refused')
    const evil = egress({ named: ['localhost'], dns: { localhost: ['10.0.0.1'] } })
    expect((await refusal(() => evil.resolve('localhost'))).code).toBe('egress_refused')
    // A pattern that happens to match is not saying so.
    const pattern = egress({ hosts: ['*'], dns: { localhost: ['127.0.0.1'] } })
    expect((await refusal(() => pattern.resolve('localhost'))).code).toBe('egress_refused')
  })

  it('a description file opens localhost and private addresses, and nothing worse', async () => {
    const described = [
      'localhost',
      '127.0.0.1',
      '10.0.0.9',
      '169.254.169.254',
      '169.254.7.7',
      '0.0.0.0',
      'api.test',
    ]
    const guard = createEgress({
      named: [],
      described,
      spec: { hosts: [], networks: [] },
      resolve: async (host) => [
        { address: host === 'localhost' ? '127.0.0.1' : '10.0.0.9', family: 4 },
      ],
    })
    for (const host of ['127.0.0.1', '10.0.0.9']) guard.check(url(`http://${host}/`))
    await guard.resolve('localhost')
    for (const host of ['169.254.169.254', '169.254.7.7', '0.0.0.0'])
      expect((await refusal(() => guard.check(url(`http://${host}/`)))).code).toBe('egress_refused')
    // A name is no address: where it leads is not in the file.
    expect((await refusal(() => guard.resolve('api.test'))).code).toBe('egress_refused')
  })

  it('other hosts only by egress.hosts, * being one label', async () => {
    const guard = egress({ named: ['api.test'], hosts: ['*.Example.com', 'files.test'] })
    for (const host of ['api.test', 'API.TEST.', 'a.example.com', 'files.test'])
      guard.check(url(`https://${host}/`))
    for (const host of [
      'other.test',
      'example.com',
      'a.b.example.com',
      'api.test.evil.com',
      'xapi.test',
    ]) {
      const fault = await refusal(() => guard.check(url(`https://${host}/`)))
      expect(fault.message).toContain(`egress.hosts: ["${host}"]`)
      expect((await refusal(() => guard.resolve(host))).code).toBe('egress_refused')
    }
  })

  it('takes http, https, ws and wss', async () => {
    const guard = egress({ named: ['api.test', ''] })
    for (const scheme of ['http', 'https', 'ws', 'wss']) guard.check(url(`${scheme}://api.test/`))
    for (const text of [
      'file:///etc/passwd',
      'ftp://api.test/',
      'data:,x',
      'gopher://api.test/',
      'javascript:1',
    ])
      expect((await refusal(() => guard.check(url(text)))).code).toBe('egress_refused')
  })

  it('takes no host that hides another one', async () => {
    const guard = egress({ named: ['api.test'] })
    for (const host of [
      'api.test#.evil.com',
      'api.test/x',
      'user@api.test',
      'api.test:80',
      'api.test\\x',
      '',
      ' ',
    ])
      expect((await refusal(() => guard.resolve(host))).code).toBe('egress_refused')
  })
})

describe('sockets', () => {
  let server: Server
  let port = 0
  beforeAll(async () => {
    server = createServer((request, response) => response.end(request.headers.host))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    port = portOf(server)
  })
  afterAll(() => void server.close())

  async function get(guard: Egress, origin: string): Promise<string> {
    const pool = guard.pool(url(origin), { connections: 2 })
    try {
      const { body } = await pool.request({ path: '/', method: 'GET' })
      return await body.text()
    } finally {
      await pool.destroy()
    }
  }

  it('dials the address that was checked, once looked up, and keeps the name', async () => {
    let turn = 0
    const guard = createEgress({
      named: ['rebind.test'],
      spec: { hosts: [], networks: ['127.0.0.1/32'] },
      // A name that answers differently the second time: a second look-up would be refused.
      resolve: async () => [{ address: turn++ === 0 ? '127.0.0.1' : '169.254.169.254', family: 4 }],
    })
    expect(await get(guard, `http://rebind.test:${port}`)).toBe(`rebind.test:${port}`)
    expect(turn).toBe(1)
    const fault = await refusal(() => get(guard, `http://rebind.test:${port}`))
    expect(fault.code).toBe('egress_refused')
    expect(fault.message).toContain('169.254.169.254')
  })

  it('a pool to a literal address is refused before it is made', async () => {
    const fault = await refusal(() =>
      egress({ hosts: ['*.test'] }).pool(url(`http://127.0.0.1:${port}`), { connections: 1 }),
    )
    expect(fault.code).toBe('egress_refused')
    expect(await get(egress({ named: ['127.0.0.1'] }), `http://127.0.0.1:${port}`)).toContain(
      '127.0.0.1',
    )
  })

  it('connects sockets, plain ones by name and by address', async () => {
    const guard = egress({
      named: ['api.test', '127.0.0.1'],
      networks: ['loopback'],
      dns: { 'api.test': ['127.0.0.1'] },
    })
    for (const host of ['api.test', '127.0.0.1']) {
      const socket = await guard.connect({ host, port, tls: undefined, timeoutMs: patienceMs })
      expect(socket.remoteAddress).toBe('127.0.0.1')
      socket.destroy()
    }
    const closed = egress({ named: ['api.test'], dns: { 'api.test': ['127.0.0.1'] } })
    expect(
      (
        await refusal(() =>
          closed.connect({ host: 'api.test', port, tls: undefined, timeoutMs: patienceMs }),
        )
      ).code,
    ).toBe('egress_refused')
  })

  it('an unreachable or silent server is unavailable, in time', async () => {
    const guard = egress({ named: ['127.0.0.1'] })
    const silent = createTcp(() => undefined)
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const silentPort = portOf(silent)
    const fault = await refusal(() =>
      guard.connect({
        host: '127.0.0.1',
        port: silentPort,
        tls: { servername: 'api.test' },
        timeoutMs: 50,
      }),
    )
    expect(fault.code).toBe('server_unavailable')
    silent.close()
    const gone = await refusal(() =>
      guard.connect({ host: '127.0.0.1', port: silentPort, tls: undefined, timeoutMs: patienceMs }),
    )
    expect(gone.code).toBe('server_unavailable')
  })
})
