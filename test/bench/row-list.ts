/** `tools/list` of 5,000 tools: a cached page against the same bytes from a buffer. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { median } from './calls.ts'
import type { Outcome, RequestSpec } from './messages.ts'
import { freePort, start } from './processes.ts'
import { fixed, type Row } from './rows.ts'
import { startGateway } from './sallyport.ts'
import { check, modernRequest, post } from './session.ts'
import { here } from './targets.ts'

export const listRow: Row = {
  name: 'list',
  limitMs: 3 * 60_000,
  async run({ context, load, quick }) {
    const gateway = await startGateway({
      bundle: context.bundle,
      folder: join(context.work, 'list'),
      servers: { many: { url: `http://127.0.0.1:${context.upstreamPort}/many` } },
    })
    const place = { port: gateway.port, key: gateway.key, path: '/mcp' }
    const own = modernRequest(place, 'tools/list', '"name":"many__operation_')
    await check(own, 50)
    const page = await post(own)
    const tools = page.text.split('"inputSchema"').length - 1
    const file = join(context.work, 'page.json')
    writeFileSync(file, page.text)
    const port = await freePort()
    const plain = await start({ args: [join(here, 'static.mjs'), String(port), file], port })
    const run = (request: RequestSpec, pid: number): Promise<Outcome> =>
      load.run({
        request,
        connections: 4,
        warmMs: 500,
        measureMs: quick ? 1_000 : 3_000,
        rate: undefined,
        pid,
        others: [],
        family: process.pid,
      })
    const owns: number[] = []
    const plains: number[] = []
    for (let cycle = 0; cycle < (quick ? 3 : 7); cycle++) {
      plains.push((await run({ ...own, port }, plain.pid)).cpuUs)
      owns.push((await run(own, gateway.pid)).cpuUs)
    }
    const ratio = median(owns.map((us, cycle) => us / (plains[cycle] ?? Number.NaN)))
    return {
      figures: [
        {
          what: `CPU of a cached tools/list page (${tools} of 5,000 tools, ${Math.round(page.text.length / 1_000)} KB): Sallyport ${fixed(median(owns), 0)} us, static buffer ${fixed(median(plains), 0)} us`,
          value: `${fixed(ratio, 2)} x`,
          goal: '<= 2 x',
          reached: ratio <= 2,
        },
      ],
    }
  },
}
