import { createEgress } from '../../src/egress/guard.ts'
import { createAsyncapiExecutor } from '../../src/kinds/asyncapi/execute/executor.ts'
import {
  type AsyncApiCommon,
  type AsyncApiPlan,
  asyncapiSpec,
} from '../../src/model/kinds/asyncapi.ts'
import { startService } from '../apis/asyncapi/service.ts'
import { patienceMs } from '../patience.ts'
import { describeKind } from './contract.ts'

const own = {
  message: 'message',
  seconds: 'seconds',
  count: 'count',
  where: 'where',
  first: 'first',
}

/** A plan whose message is fixed by the name of an event: the contract calls without arguments. */
function ask(port: number, path: string): AsyncApiPlan {
  return {
    kind: 'ask',
    url: `ws://127.0.0.1:${port}`,
    path,
    parameters: [],
    protocols: [],
    method: 'GET',
    json: true,
    security: [],
    correlation: undefined,
    messages: [{ fit: { properties: { event: { values: ['"pong"'] } } }, correlation: ['reqid'] }],
    own,
  }
}

describeKind<AsyncApiPlan, AsyncApiCommon>({
  name: 'asyncapi',
  echoArgs: (text) => JSON.stringify({ message: { event: 'ping', reqid: 7, text } }),
  missing: {
    endless: 'messages are handed on one by one as progress',
    flakyRead: 'a stream that breaks is told, and never opened again by itself',
  },
  async start({ presented, accepted }) {
    const service = await startService(accepted)
    const seen = { slow: 0, stopped: 0, flaky: 0 }
    // The service is another process: what it saw is asked for, now and then and after each call.
    const look = (): Promise<unknown> =>
      service.seen().then(
        ({ slow, stopped, flaky }) => Object.assign(seen, { slow, stopped, flaky }),
        () => clearInterval(timer),
      )
    const timer = setInterval(() => void look(), 10)
    const inner = createAsyncapiExecutor({
      server: 'api',
      spec: asyncapiSpec.parse({ spec: 'api.yaml' }),
      credential: { bearer: presented },
      egress: createEgress({ named: ['127.0.0.1'], spec: { hosts: [], networks: [] } }),
      cursors: { seal: (text) => text, open: (text) => text },
      timeoutMs: patienceMs,
      now: Date.now,
    })
    const { port } = service
    return {
      executor: {
        run: async (run) => {
          try {
            return await inner.run(run)
          } finally {
            await look()
          }
        },
        close: () => inner.close(),
      },
      common: { security: {} },
      ops: {
        echo: { ...ask(port, '/'), correlation: { path: ['reqid'], type: 'integer' } },
        slow: ask(port, '/quiet'),
        huge: ask(port, '/huge'),
        fail: { ...ask(port, '/denied'), kind: 'take', url: `http://127.0.0.1:${port}` },
        guarded: { ...ask(port, '/guarded'), kind: 'send' },
        flakyWrite: ask(port, '/crash'),
      },
      headers: { authorization: `Bearer ${presented}` },
      seen,
      async stop() {
        clearInterval(timer)
        await service.stop()
      },
    }
  },
})
