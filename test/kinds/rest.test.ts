import { createEgress } from '../../src/egress/guard.ts'
import { createRestExecutor } from '../../src/kinds/openapi/execute/executor.ts'
import type { RestCommon, RestPlan } from '../../src/model/kinds/openapi.ts'
import { openapiSpec } from '../../src/model/kinds/openapi.ts'
import { patienceMs } from '../patience.ts'
import { describeKind } from './contract.ts'
import { plainPlan, serve } from './rest-server.ts'

describeKind<RestPlan, RestCommon>({
  name: 'rest',
  echoArgs: (text) => JSON.stringify({ text }),
  async start({ presented, accepted }) {
    const seen = { slow: 0, stopped: 0, flaky: 0, streamed: 0 }
    const { origin, stop } = await serve((request, response, body) => {
      const path = request.url ?? ''
      response.setHeader('content-type', 'application/json')
      if (path === '/echo') response.end(body)
      else if (path === '/slow') {
        seen.slow++
        response.on('close', () => seen.stopped++)
      } else if (path === '/huge') {
        const chunk = Buffer.alloc(1_000_000, 0x20)
        const more = (): void => {
          if (!response.destroyed) response.write(chunk, () => more())
        }
        more()
      } else if (path === '/endless') {
        response.on('close', () => seen.streamed++)
        response.write('[0')
        const chunk = Buffer.from(`,"${'x'.repeat(65_536)}"`)
        const more = (): void => {
          if (!response.destroyed) response.write(chunk, () => more())
        }
        more()
      } else if (path === '/fail') {
        response.statusCode = 422
        response.end('{"title":"Unfit","detail":"the-reason"}')
      } else if (path === '/guarded') {
        const got = request.headers.authorization
        if (got === `Bearer ${accepted}`) response.end('{"ok":true}')
        else {
          response.statusCode = 401
          response.end(JSON.stringify({ message: `bad token ${got}` }))
        }
      } else if (path === '/flaky' && ++seen.flaky === 1) request.socket.destroy()
      else response.end('{"ok":true}')
    })
    const plan = (method: string, path: string): RestPlan => ({
      ...plainPlan,
      method,
      path,
      baseUrl: origin,
    })
    return {
      executor: createRestExecutor({
        server: 'api',
        spec: openapiSpec.parse({ spec: 'api.yaml' }),
        credential: { bearer: presented },
        egress: createEgress({ named: ['127.0.0.1'], spec: { hosts: [], networks: [] } }),
        cursors: { seal: (text) => text, open: (text) => text },
        timeoutMs: patienceMs,
        now: Date.now,
      }),
      common: { security: {} },
      ops: {
        echo: {
          ...plan('POST', '/echo'),
          body: {
            from: { kind: 'arguments', properties: { text: 'text' } },
            required: true,
            mediaType: 'application/json',
            form: 'json',
            parts: [],
            xml: undefined,
            xmlRoot: undefined,
          },
        },
        slow: plan('GET', '/slow'),
        huge: plan('GET', '/huge'),
        endless: plan('GET', '/endless'),
        fail: plan('GET', '/fail'),
        guarded: plan('GET', '/guarded'),
        flakyRead: plan('GET', '/flaky'),
        flakyWrite: plan('POST', '/flaky'),
      },
      headers: { authorization: `Bearer ${presented}` },
      seen,
      stop,
    }
  },
})
