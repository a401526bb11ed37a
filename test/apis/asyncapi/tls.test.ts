/** wss and https, with a certificate that only the configuration knows. */
import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { enter, type Service, startService } from './service.ts'

let folder: string
let service: Service
let ca: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-tls-'))
  const made = spawnSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'],
      ...['-keyout', 'server.key', '-out', 'server.crt'],
    ],
    { cwd: folder, encoding: 'utf8' },
  )
  if (made.status !== 0) throw new Error(`openssl: ${made.stderr}`)
  ca = await readFile(join(folder, 'server.crt'), 'utf8')
  service = await startService('x', [join(folder, 'server.key'), join(folder, 'server.crt')])
})
afterAll(async () => {
  await service?.stop()
  await rm(folder, { recursive: true, force: true })
})

describe('a service behind TLS', () => {
  it('is reached with its certificate', async () => {
    const { call } = await enter(service.port, { secure: true, credential: { tls: { ca } } })
    const ping = await call('ping', { venue: 'north', message: { event: 'ping' } })
    expect(ping.structured).toMatchObject({ reply: { event: 'pong' } })
    const ticks = await call('take_ticks', { room: 'a', count: 1 })
    expect(ticks.structured).toMatchObject({ messages: [{ n: 1 }], ended: 'limit' })
  })

  it('is not without it', async () => {
    const { call } = await enter(service.port, { secure: true })
    for (const [tool, args] of [
      ['ping', { venue: 'north', message: { event: 'ping' } }],
      ['take_ticks', { room: 'a', count: 1 }],
    ] as const)
      await expect(call(tool, args)).rejects.toMatchObject({ code: 'server_unavailable' })
  })
})
