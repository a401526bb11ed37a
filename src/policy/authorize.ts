/** The policy's room: may this principal do this. */
import type { Action } from '../model/action.ts'
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
 * Lets an allowed action pass and names the rule. A denied one is refused exactly as an unknown name
 * is (catalog/resolve.ts), so that nobody learns what exists; the rule stays in the private detail.
 */
export function authorize<A extends Action>(
  engine: PolicyEngine,
  action: A,
  target: Target,
): Permitted<A> {
  const { kind, server, name } = target
  const { allowed, rule } = engine.decide(action.principal, kind, server, name)
  if (allowed) return { action, target, rule } as Permitted<A>
  throw new GatewayError(unknown[kind], {
    ...(kind === 'resource' ? { data: { uri: action.subject } } : {}),
    detail: `denied ${server}/${name}: ${rule}`,
  })
}
