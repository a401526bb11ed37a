/** A result of 100 MB: what it adds to the gateway's memory. */
import { request as httpRequest } from 'node:http'
import { join } from 'node:path'
import type { RequestSpec } from './messages.ts'
import { residentKb } from './proc.ts'
import { fixed, type Row } from './rows.ts'
import { startGateway } from './sallyport.ts'
import { check, modernCall, modernRequest } from './session.ts'
import { startBare } from './targets.ts'

interface Passage {
  readonly bytes: number
  readonly seconds: number
  readonly extraMb: number
  readonly start: string
}

function pass(spec: RequestSpec, pid: number): Promise<Passage> {
  return new Promise((resolve, reject) => {
    const before = residentKb(pid)
    let most = before
    const sampling = setInterval(() => {
      most = Math.max(most, residentKb(pid))
    }, 5)
    const began = performance.now()
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'content-length': Buffer.byteLength(spec.body),
      ...spec.headers,
    }
    const to = { host: '127.0.0.1', port: spec.port, path: spec.path, method: 'POST', headers }
    const request = httpRequest(to, (response) => {
      let bytes = 0
      let start = ''
      response.on('data', (chunk: Buffer) => {
        if (bytes < 400) start += chunk.toString('latin1', 0, 400)
        bytes += chunk.length
      })
      response.on('close', () => {
        clearInterval(sampling)
        const seconds = (performance.now() - began) / 1_000
        resolve({ bytes, seconds, extraMb: (most - before) / 1_024, start })
      })
      response.on('error', () => undefined)
    })
    request.on('error', (error) => {
      clearInterval(sampling)
      reject(error)
    })
    request.setTimeout(60_000, () => request.destroy(new Error('no answer in 60 s')))
    request.end(spec.body)
  })
}

export const largeRow: Row = {
  name: 'large',
  limitMs: 3 * 60_000,
  async run({ context }) {
    const gateway = await startGateway({
      bundle: context.bundle,
      folder: join(context.work, 'large'),
      servers: { large: { url: `http://127.0.0.1:${context.upstreamPort}/large` } },
    })
    const place = { port: gateway.port, key: gateway.key, path: '/mcp' }
    await check(modernRequest(place, 'tools/list', 'large__echo'), 50)
    const bare = await startBare(context)
    const viaBare = await pass(modernCall({ ...bare, path: '/large' }, 'echo'), bare.pid)
    const own = await pass(modernCall(place, 'large__echo'), gateway.pid)
    const whole = own.bytes >= 100_000_000
    return {
      figures: [
        {
          what: whole
            ? `extra memory for a result of ${Math.round(own.bytes / 1e6)} MB in ${fixed(own.seconds, 1)} s (bare proxy: ${fixed(viaBare.extraMb, 0)} MB, ${fixed(viaBare.seconds, 1)} s)`
            : `a result of 100 MB did not come through: ${own.start.slice(0, 160)}`,
          value: whole ? `${fixed(own.extraMb, 0)} MB` : '-',
          goal: '<= 64 MB',
          reached: whole && own.extraMb <= 64,
        },
      ],
    }
  },
}
