/** A server that hangs, with 200 clients on it: what the others notice. */
import { join } from 'node:path'
import { median } from './calls.ts'
import type { Outcome, RequestSpec } from './messages.ts'
import { pause, startLoad } from './processes.ts'
import { fixed, type Row } from './rows.ts'
import { startGateway } from './sallyport.ts'
import { check, modernCall } from './session.ts'
import { here } from './targets.ts'

export const hangRow: Row = {
  name: 'hang',
  limitMs: 4 * 60_000,
  async run({ context, load, quick, say }) {
    const upstream = `http://127.0.0.1:${context.upstreamPort}`
    const gateway = await startGateway({
      bundle: context.bundle,
      folder: join(context.work, 'hang'),
      servers: { good: { url: `${upstream}/mcp` }, stuck: { url: `${upstream}/hang` } },
    })
    const place = { port: gateway.port, key: gateway.key, path: '/mcp' }
    const good = modernCall(place, 'good__echo')
    const stuck = modernCall(place, 'stuck__echo')
    await check(good, 20)
    const second = startLoad(join(here, 'load.ts'))
    const measureMs = quick ? 1_500 : 4_000
    const job = (request: RequestSpec, connections: number): Parameters<typeof load.run>[0] => ({
      request,
      connections,
      warmMs: 500,
      measureMs,
      rate: undefined,
      pid: gateway.pid,
      others: [],
      family: process.pid,
    })
    await load.run(job(good, 16))
    const without: Outcome[] = []
    const beside: Outcome[] = []
    for (let round = 0; round < (quick ? 3 : 5); round++) {
      without.push(await load.run(job(good, 16)))
      const hanging = second.run({ ...job(stuck, 200), warmMs: 0, measureMs: measureMs + 1_500 })
      await pause(500)
      beside.push(await load.run(job(good, 16)))
      await hanging
      say(
        `  round ${round + 1}: ${fixed(without.at(-1)?.p99Ms ?? Number.NaN, 1)} and ${fixed(beside.at(-1)?.p99Ms ?? Number.NaN, 1)} ms`,
      )
      await pause(500)
    }
    const p99 = (outcomes: readonly Outcome[]): number =>
      median(outcomes.map((outcome) => outcome.p99Ms))
    const ratio = p99(beside) / p99(without)
    const errors = beside.reduce((sum, outcome) => sum + outcome.errors, 0)
    return {
      figures: [
        {
          what: `p99 of a good server while 200 clients hang on another: ${fixed(p99(beside), 1)} ms, without them ${fixed(p99(without), 1)} ms; ${errors} errors`,
          value: `${fixed(ratio, 2)} x`,
          goal: '<= 2 x, no error',
          reached: ratio <= 2 && errors === 0,
        },
      ],
    }
  },
}
