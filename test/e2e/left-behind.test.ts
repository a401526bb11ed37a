// What a gateway that is killed leaves in its folder, and what of its own environment reaches its children.
import { open, readdir, readFile, readlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FIXTURE_SERVER } from '../conformance/start-fixture.ts'
import { eventually, modernTool } from './client.ts'
import { everything, startGateway } from './gateway.ts'
import { digNumber } from './json.ts'

async function locksIn(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder, { recursive: true })
  return names.filter((name) => /(?:^|\/)[a-z.]*lock(?:\.|$)/.test(name)).sort()
}

test('a gateway that was killed leaves no lock but the one that the next start takes over', async () => {
  const gateway = await startGateway({ config: { servers: {} }, keys: { first: everything } })
  try {
    const running = (await locksIn(gateway.dataDir)).length
    for (let count = 0; count < 3; count++) {
      await gateway.kill9()
      // As one leaves it that dies between two steps, or an earlier version.
      const dead = JSON.stringify({ pid: 4_194_301, start: 'gone' })
      await writeFile(join(gateway.dataDir, `lock.${'0'.repeat(11)}${count}`), dead)
      await gateway.restart()
      expect((await locksIn(gateway.dataDir)).length).toBe(running)
    }
  } finally {
    await gateway.stop()
  }
})

/** What all processes below one have open. */
async function openBelow(pid: number): Promise<readonly string[]> {
  const found: string[] = []
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const status = await readFile(`/proc/${name}/status`, 'utf8').catch(() => '')
    if (Number(/^PPid:\s*(\d+)/m.exec(status)?.[1]) !== pid) continue
    for (const fd of await readdir(`/proc/${name}/fd`).catch(() => []))
      found.push(await readlink(`/proc/${name}/fd/${fd}`).catch(() => ''))
    found.push(...(await openBelow(Number(name))))
  }
  return found
}

test.runIf(process.platform === 'linux')(
  'what was open in whoever started the gateway reaches no child process',
  async () => {
    const secret = join(import.meta.dirname, '../fixtures/odd-server.mjs')
    const file = await open(secret)
    const inherits = Array<number | 'ignore'>(250).fill('ignore')
    // Beyond a gap is what node does not see to by itself.
    for (const at of [0, 7, 60, 249]) inherits[at] = file.fd
    const stdio = { command: process.execPath, args: [FIXTURE_SERVER, '--stdio'] }
    const gateway = await startGateway({
      config: { servers: { child: { stdio } } },
      keys: { first: everything },
      inherits,
    })
    try {
      const pid = await eventually(async () => {
        const { message } = await modernTool(gateway.server('child'), gateway.key, 'stats')
        return message !== undefined && digNumber(message, 'result', 'structuredContent', 'pid')
      })
      const links = await Promise.all(
        (await readdir(`/proc/${pid}/fd`)).map((fd) =>
          readlink(`/proc/${pid}/fd/${fd}`).catch(() => ''),
        ),
      )
      expect(links.length).toBeGreaterThan(2)
      expect(links).not.toContain(secret)
      const all = await openBelow(gateway.pid)
      expect(all.length).toBeGreaterThan(links.length)
      expect(all).not.toContain(secret)
    } finally {
      await file.close()
      await gateway.stop()
    }
  },
)
