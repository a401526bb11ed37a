import { GatewayError } from '../../../model/refusal.ts'

/** Why no statement of a caller runs under this account, and what makes a proper one. */
export function roleTooWide({
  dangers,
  remedy,
}: {
  readonly dangers: readonly string[]
  readonly remedy: string
}): GatewayError {
  const hint = `The account cannot be held to reading: ${dangers.slice(0, 5).join('; ')}.`
  return new GatewayError('role_too_wide', {
    detail: remedy === '' ? hint : `${hint} A proper one: ${remedy}`,
    hint,
  })
}
