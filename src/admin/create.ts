/** Assembles the administration as one fastify instance, which a socket or a caller in this process uses. */
import fastify, { type FastifyInstance } from 'fastify'
import type { Actor } from '../model/change.ts'
import { GatewayError } from '../model/refusal.ts'
import { AdminError, bodyOf, nothingAt } from './contract/errors.ts'
import { fromRefusal, statusOf } from './fault.ts'
import { giveActor } from './handle.ts'
import type { AdminPorts, ConversionPorts } from './ports.ts'
import { auditRoutes } from './routes/audit.ts'
import { convertRoutes } from './routes/convert.ts'
import { gatewayRoutes } from './routes/gateway.ts'
import { keyRoutes } from './routes/keys.ts'
import { limitRoutes, toolsetRoutes } from './routes/limits.ts'
import { ruleRoutes } from './routes/rules.ts'
import { serverRoutes } from './routes/servers.ts'
import { toolRoutes } from './routes/tools.ts'
import { createWriter } from './writer.ts'

const bodyBytesMax = 16_000_000

/** Whoever can reach it may do everything, as the actor: the way to it must be guarded. */
export function createAdmin(ports: AdminPorts, actor: Actor): FastifyInstance {
  const app = bareAdmin(ports, actor)
  const writer = createWriter(ports)
  gatewayRoutes(app, ports, writer)
  serverRoutes(app, ports, writer)
  convertRoutes(app, ports)
  toolRoutes(app, ports)
  keyRoutes(app, ports, writer)
  ruleRoutes(app, ports, writer)
  limitRoutes(app, ports, writer)
  toolsetRoutes(app, ports, writer)
  auditRoutes(app, ports)
  return app
}

/** What needs neither a gateway nor a data folder: looking at descriptions. */
export function createConversionAdmin(
  ports: ConversionPorts & LogPort,
  actor: Actor,
): FastifyInstance {
  const app = bareAdmin(ports, actor)
  convertRoutes(app, ports)
  return app
}

type LogPort = Pick<AdminPorts, 'log'>

function bareAdmin(ports: LogPort, actor: Actor): FastifyInstance {
  const app = fastify({ logger: false, bodyLimit: bodyBytesMax, forceCloseConnections: true })
  giveActor(app, actor)
  app.setErrorHandler(async (thrown, _request, reply) => {
    const { status, error } = answerFor(thrown, ports)
    return reply.status(status).send(bodyOf(error))
  })
  app.setNotFoundHandler(async (request, reply) => {
    const message = nothingAt(request.method, request.url)
    const error = new AdminError('not_found', message, 'GET /api/openapi.json describes what is.')
    return reply.status(404).send(bodyOf(error))
  })
  return app
}

function answerFor(thrown: unknown, ports: LogPort): { status: number; error: AdminError } {
  if (thrown instanceof AdminError) return { status: statusOf(thrown), error: thrown }
  if (thrown instanceof GatewayError) {
    if (thrown.code === 'internal') report(thrown, ports)
    return fromRefusal(thrown)
  }
  const status = httpStatusOf(thrown)
  if (status !== undefined && status < 500) {
    const message = thrown instanceof Error ? thrown.message : 'The request is not valid.'
    const wayOut = 'GET /api/openapi.json describes what can be sent.'
    return { status, error: new AdminError('invalid', message, wayOut) }
  }
  report(thrown, ports)
  if (isOfFiles(thrown)) return { status: 500, error: unusableFiles(thrown) }
  const error = new AdminError(
    'internal',
    'Something in the gateway itself went wrong.',
    'The log of the gateway says more.',
  )
  return { status: 500, error }
}

/** What the operating system says of files. */
const ofFiles = /^(ENOSPC|EDQUOT|EROFS|EACCES|EPERM|EIO|ENOENT|ENOTDIR|EISDIR|EMFILE|ENFILE)$/

function isOfFiles(thrown: unknown): thrown is Error {
  return (
    thrown instanceof Error &&
    'syscall' in thrown &&
    thrown.syscall !== 'connect' &&
    'code' in thrown &&
    ofFiles.test(String(thrown.code))
  )
}

function unusableFiles({ message }: Error): AdminError {
  return new AdminError(
    'failed',
    `A file that is needed cannot be used: ${message}.`,
    'Mend the rights or free space, and run the command again.',
  )
}

function report(thrown: unknown, ports: LogPort): void {
  const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
  ports.log({ level: 'error', text: `administration: ${text}` })
}

/** Fastify's own errors carry the status that they mean. */
function httpStatusOf(thrown: unknown): number | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('statusCode' in thrown)) return undefined
  return typeof thrown.statusCode === 'number' ? thrown.statusCode : undefined
}
