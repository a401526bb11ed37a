/** Who a client of `sallyport stdio` is and where it may go; refusals in words of that command, which has no headers and paths. */
import type { Endpoint } from '../model/action.ts'
import type { Principal } from '../model/principal.ts'
import { GatewayError, refusals, toGatewayError } from '../model/refusal.ts'
import { endpointOf } from './receive.ts'
import type { DoorPorts } from './settings.ts'

export interface StdioGreeting {
  readonly key?: string | undefined
  /** E.g. `/mcp` or `/mcp/t/support`. */
  readonly endpoint: string
}

/** @throws GatewayError key_missing, key_invalid, endpoint_unknown */
export function admitStdio(
  ports: Pick<DoorPorts, 'identify' | 'endpointExists'>,
  { key, endpoint }: StdioGreeting,
): { readonly principal: Principal; readonly endpoint: Endpoint } {
  const place = endpointOf(endpoint)
  const principal = ports.identify(key === undefined ? undefined : `Bearer ${key}`, undefined)
  if (place === undefined || !ports.endpointExists(place, principal))
    throw new GatewayError('endpoint_unknown', { hint: missing(place) })
  return { principal, endpoint: place }
}

/** What is not there answers like what the key may not use. */
function missing(place: Endpoint | undefined): string {
  if (place?.kind === 'server')
    return `There is no server "${place.server}" at which the key may use anything.`
  return place?.kind === 'toolset'
    ? `There is no toolset "${place.toolset}".`
    : 'The name of a server or toolset has a form that no name has.'
}

/** The body of an error, as the administration has it. */
export function stdioRefusal(thrown: unknown): {
  readonly code: string
  readonly message: string
  readonly wayOut: string
} {
  const { code, hint } = toGatewayError(thrown)
  const { sentence, wayOut } = refusals[code]
  if (code === 'key_missing')
    return {
      code,
      message: 'No key was given.',
      wayOut:
        'Give --key, or set SALLYPORT_KEY; "sallyport keys create NAME --role ROLE" makes a key.',
    }
  if (code === 'endpoint_unknown')
    return {
      code,
      message: hint ?? sentence,
      wayOut: '"sallyport ls" and "sallyport toolsets ls" show which there are.',
    }
  return { code, message: hint === undefined ? sentence : `${sentence} ${hint}`, wayOut }
}
