/** Start with ten servers (one of them dead) on an existing data folder, and memory: idle and after load. */
import { join } from 'node:path'
import { median } from './calls.ts'
import { residentKb } from './proc.ts'
import { freePort, pause } from './processes.ts'
import { fixed, type Row } from './rows.ts'
import { startGateway } from './sallyport.ts'
import { modernCall, modernRequest, post } from './session.ts'

export const startRow: Row = {
  name: 'start',
  limitMs: 8 * 60_000,
  async run({ context, load, quick, say }) {
    const dead = await freePort()
    const servers = Object.fromEntries(
      Array.from({ length: 10 }, (_, index) => [
        `server-${index}`,
        {
          url: `http://127.0.0.1:${index === 9 ? dead : context.upstreamPort}/${index % 2 === 0 ? 'mcp' : 'legacy'}`,
        },
      ]),
    )
    const options = { bundle: context.bundle, folder: join(context.work, 'start'), servers }
    const list = async (port: number, key: string): Promise<number> => {
      const request = modernRequest({ port, key, path: '/mcp' }, 'tools/list', '')
      const answer = await post(request).catch(() => undefined)
      return answer?.status === 200 ? answer.text.split('"inputSchema"').length - 1 : -1
    }
    let gateway = await startGateway(options)
    const { key } = gateway
    while ((await list(gateway.port, key)) < 9) await pause(50)
    const first: number[] = []
    const full: number[] = []
    for (let round = 0; round < (quick ? 3 : 7); round++) {
      await gateway.stop()
      const began = performance.now()
      gateway = await startGateway({ ...options, key })
      while ((await list(gateway.port, key)) < 0) await pause(5)
      first.push(performance.now() - began)
      while ((await list(gateway.port, key)) < 9) await pause(5)
      full.push(performance.now() - began)
    }
    await pause(quick ? 3_000 : 10_000)
    const idle = residentKb(gateway.pid) / 1_024
    const loadMs = quick ? 10_000 : 60_000
    say(`  load for ${loadMs / 1_000} s`)
    await load.run({
      request: modernCall({ port: gateway.port, key, path: '/mcp' }, 'server-0__echo'),
      connections: 16,
      warmMs: 0,
      measureMs: loadMs,
      rate: undefined,
      pid: gateway.pid,
      others: [],
      family: process.pid,
    })
    const loaded = residentKb(gateway.pid) / 1_024
    return {
      figures: [
        {
          what: `start to the first answered tools/list, ten servers (one dead), existing data folder; all tools of the nine after ${fixed(median(full) / 1_000, 2)} s`,
          value: `${fixed(median(first) / 1_000, 2)} s`,
          goal: '<= 1.5 s',
          reached: median(first) <= 1_500,
        },
        {
          what: 'resident memory, idle, ten servers (gateway process)',
          value: `${fixed(idle, 0)} MB`,
          goal: '<= 150 MB',
          reached: idle <= 150,
        },
        {
          what: `resident memory after ${loadMs / 1_000} s of load (the goal is for ten minutes)`,
          value: `${fixed(loaded, 0)} MB`,
          goal: '<= 250 MB',
          reached: loaded <= 250,
        },
      ],
    }
  },
}
