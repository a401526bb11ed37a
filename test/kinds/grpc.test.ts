/** The contract of kinds over gRPC: the test service of `test/apis`, behind a proxy that can break connections. */

import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { createEgress } from '../../src/egress/guard.ts'
import { convertGrpc } from '../../src/kinds/grpc/convert/convert.ts'
import { createGrpcExecutor } from '../../src/kinds/grpc/execute/executor.ts'
import { type GrpcCommon, type GrpcPlan, grpcSpec } from '../../src/model/kinds/grpc.ts'
import { labProto, startGrpcJs } from '../apis/grpc-lab.ts'
import { documentOf, readBeside } from '../apis/soap-tools.ts'
import { patienceMs } from '../patience.ts'
import { describeKind } from './contract.ts'

/** Passes bytes on; while `breaking` says so, it hangs up on the first bytes of a call. */
async function startProxy(port: number, breaking: (bytes: Buffer) => boolean) {
  const sockets = new Set<Socket>()
  const proxy = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        near.destroy()
        far.destroy()
      })
    }
    near.on('data', (bytes: Buffer) => {
      if (breaking(bytes)) near.resetAndDestroy()
      else far.write(bytes)
    })
    far.on('data', (bytes: Buffer) => near.write(bytes))
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const bound = proxy.address()
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : 0,
    close: () => {
      for (const socket of sockets) socket.destroy()
      proxy.close()
    },
  }
}

describeKind<GrpcPlan, GrpcCommon>({
  name: 'grpc',
  echoArgs: (text) => JSON.stringify({ text }),
  missing: { endless: 'messages are handed on one by one as progress' },
  async start({ presented, accepted }) {
    const server = await startGrpcJs({ accepted })
    const seen = { slow: 0, stopped: 0, flaky: 0 }
    const live = {
      get slow() {
        return server.seen.slow
      },
      set slow(_value: number) {
        // Counted by the server.
      },
      get stopped() {
        return server.seen.stopped
      },
      set stopped(_value: number) {
        // Counted by the server.
      },
      get flaky() {
        return seen.flaky
      },
      set flaky(value: number) {
        seen.flaky = value
      },
    }
    // The argument of the flaky calls stands plain in their data.
    const proxy = await startProxy(Number(server.address.split(':')[1]), (bytes) => {
      if (!bytes.includes('flaky-call')) return false
      seen.flaky += 1
      return seen.flaky === 1
    })
    const spec = grpcSpec.parse({ address: `grpc://127.0.0.1:${proxy.port}`, proto: labProto })
    const { tools, common } = await convertGrpc(spec, documentOf(labProto), readBeside)
    const plan = (name: string): GrpcPlan => {
      const tool = tools.find(({ definition }) => definition.name === name)
      if (tool === undefined) throw new Error(`no tool ${name}`)
      return tool.plan
    }
    const executor = createGrpcExecutor({
      server: 'lab',
      spec,
      credential: { bearer: presented },
      egress: createEgress({ named: ['127.0.0.1'], spec: { hosts: [], networks: [] } }),
      cursors: { seal: (text) => text, open: (text) => text },
      timeoutMs: patienceMs,
      now: Date.now,
    })
    const flaky = (of: GrpcPlan): GrpcPlan => ({ ...of })
    return {
      executor: {
        close: () => executor.close(),
        // The suite gives no arguments to the flaky calls.
        run: (run) =>
          executor.run(flakyPlans.has(run.plan) ? { ...run, args: '{"text":"flaky-call"}' } : run),
      },
      common,
      ops: {
        echo: plan('echo'),
        slow: plan('slow'),
        huge: plan('huge'),
        fail: plan('fail'),
        guarded: plan('read'),
        flakyRead: marked(flaky(plan('read'))),
        flakyWrite: marked(flaky(plan('write'))),
      },
      headers: { authorization: `Bearer ${presented}` },
      seen: live,
      stop: async () => {
        proxy.close()
        await server.stop()
      },
    }
  },
})

const flakyPlans = new WeakSet<GrpcPlan>()

function marked(plan: GrpcPlan): GrpcPlan {
  flakyPlans.add(plan)
  return plan
}
