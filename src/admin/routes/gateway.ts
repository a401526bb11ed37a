/** The gateway itself: state, configuration, sealing keys. */
import type { FastifyInstance } from 'fastify'
import { getConfig, rotateSecrets } from '../contract/config.ts'
import { getStatus } from '../contract/status.ts'
import { issueView } from '../fault.ts'
import { handle } from '../handle.ts'
import { openApi } from '../openapi.ts'
import type { AdminPorts } from '../ports.ts'
import type { Writer } from '../writer.ts'

export function gatewayRoutes(app: FastifyInstance, ports: AdminPorts, writer: Writer): void {
  handle(app, getStatus, async () => {
    const endpoint = ports.gateway.endpoint()
    const { insecureLocal } = ports.gateway
    return {
      version: ports.version,
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(insecureLocal === undefined ? {} : { insecureLocal }),
      environment: ports.snapshot().state.environment,
      storeReady: ports.store.fault() === undefined,
      issues: ports.issues().map(issueView),
    }
  })
  handle(app, getConfig, async () => {
    const { file } = ports.declared()
    return { ...(file === undefined ? {} : { file }), issues: ports.issues().map(issueView) }
  })
  handle(app, rotateSecrets, async (_input, _given, actor) => {
    const { current, kept } = await writer.inTurn(() => ports.rotateSecrets(actor))
    return { current, kept: [...kept] }
  })
  const description = openApi(ports.version)
  app.get('/api/openapi.json', async () => description)
}
