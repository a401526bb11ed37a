/** Descriptions of APIs: detected and converted without storing anything. */
import type { FastifyInstance } from 'fastify'
import { adviceFor } from '../advice.ts'
import { convertServer, detectSource } from '../contract/convert.ts'
import { AdminError } from '../contract/errors.ts'
import { handle } from '../handle.ts'
import type { ConversionPorts, Fault, FaultReason } from '../ports.ts'

/** What may be otherwise at another time. */
const away: ReadonlySet<FaultReason> = new Set(['unreachable', 'timeout', 'unauthorized'])

export function convertRoutes(app: FastifyInstance, ports: ConversionPorts): void {
  handle(app, detectSource, async (input) => {
    const detected = await ports.detect(input)
    if (!detected.ok) throw unusable(detected)
    const { kind, what, spec } = detected
    return { kind, what, spec: { ...spec } }
  })
  handle(app, convertServer, async (_, given) => {
    const converted = await ports.convert(convertServer.input.parse(given).spec)
    if (!converted.ok) throw unusable(converted)
    return converted.view
  })
}

function unusable({ reason, message, place }: Fault): AdminError {
  const text = place === undefined || place === '' ? message : `${message} (${place})`
  return new AdminError(away.has(reason) ? 'away' : 'unusable', text, adviceFor(reason, message))
}
