import { createEgress } from '../../src/egress/guard.ts'
import { createGraphqlExecutor } from '../../src/kinds/graphql/execute/executor.ts'
import { type GraphqlCommon, type GraphqlPlan, graphqlSpec } from '../../src/model/kinds/graphql.ts'
import { patienceMs } from '../patience.ts'
import { describeKind } from './contract.ts'
import { serve } from './rest-server.ts'

const plan = (field: string, type: 'query' | 'mutation' = 'query'): GraphqlPlan => ({
  kind: 'document',
  type,
  document: `${type} ${field} { ${field} }`,
  operationName: field,
})

const answer = (data: unknown): string => JSON.stringify({ data })
const error = (message: string): string => JSON.stringify({ data: null, errors: [{ message }] })

describeKind<GraphqlPlan, GraphqlCommon>({
  name: 'graphql',
  echoArgs: (text) => JSON.stringify({ text }),
  missing: { endless: 'errors may follow the data, so an answer is held' },
  async start({ presented, accepted }) {
    const seen = { slow: 0, stopped: 0, flaky: 0 }
    const { origin, stop } = await serve((request, response, body) => {
      const { operationName, variables } = JSON.parse(body.toString())
      response.setHeader('content-type', 'application/graphql-response+json')
      if (operationName === 'echo') response.end(answer({ echo: variables.text }))
      else if (operationName === 'slow') {
        seen.slow++
        response.on('close', () => seen.stopped++)
      } else if (operationName === 'huge') {
        const chunk = Buffer.alloc(1_000_000, 0x20)
        const more = (): void => {
          if (!response.destroyed) response.write(chunk, () => more())
        }
        more()
      } else if (operationName === 'fail') response.end(error('the-reason'))
      else if (operationName === 'guarded') {
        const got = request.headers.authorization
        if (got === `Bearer ${accepted}`) response.end(answer({ guarded: true }))
        else {
          response.statusCode = 401
          response.end(error(`bad token ${got}`))
        }
      } else if (operationName === 'flaky' && ++seen.flaky === 1) request.socket.destroy()
      else response.end(answer({ ok: true }))
    })
    const url = `${origin}/graphql`
    return {
      executor: createGraphqlExecutor({
        server: 'api',
        spec: graphqlSpec.parse({ url }),
        credential: { bearer: presented },
        egress: createEgress({ named: ['127.0.0.1'], spec: { hosts: [], networks: [] } }),
        cursors: { seal: (text) => text, open: (text) => text },
        timeoutMs: patienceMs,
        now: Date.now,
      }),
      common: {
        url,
        subscriptions: { url, transport: 'sse' },
        query: { mutations: false, introspection: false, depthMax: 8, costMax: 100 },
      },
      ops: {
        echo: plan('echo'),
        slow: plan('slow'),
        huge: plan('huge'),
        fail: plan('fail'),
        guarded: plan('guarded'),
        flakyRead: plan('flaky'),
        flakyWrite: plan('flaky', 'mutation'),
      },
      headers: { authorization: `Bearer ${presented}` },
      seen,
      stop,
    }
  },
})
