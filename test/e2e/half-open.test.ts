// Connections whose client never closes its side must not stay: they would use up the gateway without a key.
import { readdir, readlink } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from './client.ts'
import { openRaw, type RawConnection, rawRequest } from './raw-http.ts'
import { startWorld, type TestWorld } from './world.ts'

let world: TestWorld
const open: RawConnection[] = []
beforeAll(async () => {
  world = await startWorld()
})
afterAll(async () => {
  for (const connection of open) connection.destroy()
  await world?.stop()
})

async function sockets(): Promise<number> {
  const folder = `/proc/${world.gateway.pid}/fd`
  const links = (await readdir(folder)).map((fd) => readlink(`${folder}/${fd}`).catch(() => ''))
  return (await Promise.all(links)).filter((link) => link.startsWith('socket:')).length
}

/** Ten such connections are answered, and then the gateway holds none of them. */
async function areGivenUp(text: string): Promise<void> {
  const before = await sockets()
  for (let count = 0; count < 10; count++) {
    const connection = await openRaw(world.gateway.url)
    open.push(connection)
    connection.write(text)
    expect((await connection.next()).status).toBeGreaterThanOrEqual(400)
  }
  await eventually(async () => (await sockets()) <= before + 3)
}

const onLinux = test.runIf(process.platform === 'linux')

onLinux('after a body that is announced, refused and never sent', () =>
  areGivenUp(rawRequest(world.gateway.url, 'POST', { 'content-length': 100 }, '{')),
)

onLinux('after garbage', () => areGivenUp('garbage\r\n\r\n'))
