/** The policy's room: may this principal make this call. */
import type { Identified } from '../model/call.ts'
import type { Permitted } from '../model/proofs.ts'
import { GatewayError, type RefusalCode } from '../model/refusal.ts'
import type { Target } from '../model/target.ts'
import type { PolicyEngine } from './engine.ts'

const unknown: Readonly<Record<Target['kind'], RefusalCode>> = {
  tool: 'tool_unknown',
  prompt: 'prompt_unknown',
  resource: 'resource_unknown',
}

/**
 * Lets an allowed call pass and names the rule. A denied one is refused exactly as an unknown name
 * is (catalog/resolve.ts), so that nobody learns what exists; the rule stays in the private detail.
 */
export function authorize(engine: PolicyEngine, identified: Identified, target: Target): Permitted {
  const { call, principal } = identified
  const { allowed, rule } = engine.decide(principal, target.kind, target.server, target.name)
  if (allowed) return { call, principal, target, rule } as Permitted
  throw new GatewayError(unknown[target.kind], {
    ...(target.kind === 'resource' ? { data: { uri: call.name } } : {}),
    detail: `denied ${target.server}/${target.name}: ${rule}`,
  })
}
