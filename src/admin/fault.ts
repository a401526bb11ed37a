/** The administration's own ways to say no, beside the refusals of the gateway. */
import type { Issue } from '../model/desired-state.ts'
import { type GatewayError, refusals } from '../model/refusal.ts'
import { AdminError, type IssueView } from './contract/errors.ts'

/** HTTP status of each code of the administration. */
const statuses: Readonly<Record<string, number>> = {
  invalid: 422,
  not_found: 404,
  declared: 409,
  exists: 409,
  in_use: 409,
  built_in: 409,
  unusable: 422,
  away: 502,
  not_yet: 501,
}

export function statusOf(error: AdminError): number {
  return statuses[error.code] ?? 500
}

export function invalid(message: string, issues: readonly IssueView[]): AdminError {
  return new AdminError('invalid', message, 'Mend what is named and run it again.', { issues })
}

export function notFound(what: string, name: string, wayOut: string): AdminError {
  return new AdminError('not_found', `There is no ${what} "${name}".`, wayOut)
}

/** The object is in the declared file, which people edit themselves. */
export function readOnly(what: string, name: string, file: string | undefined): AdminError {
  const where = file ?? 'sallyport.yaml'
  return new AdminError(
    'declared',
    `The ${what} "${name}" is declared in ${where} and read-only here.`,
    `Change it in ${where}; a running gateway notices.`,
  )
}

/** A refusal of a room, in the form of the administration. */
export function fromRefusal(error: GatewayError): { status: number; error: AdminError } {
  // The sentence of a wrong parameter speaks of MCP; who administers is told by the hint alone.
  if (error.code === 'params_invalid' && error.hint !== undefined)
    return { status: 422, error: invalid(error.hint, []) }
  const { sentence, wayOut, http } = refusals[error.code]
  const message = error.hint === undefined ? sentence : `${sentence} ${error.hint}`
  // 200 is for refusals that travel inside a JSON-RPC answer; here the answer itself is the refusal.
  return { status: http === 200 ? 422 : http, error: new AdminError(error.code, message, wayOut) }
}

export function issueView(given: Issue): IssueView {
  const { path, message, file, line, column } = given
  return {
    path,
    message,
    ...(file === undefined ? {} : { file }),
    ...(line === undefined ? {} : { line }),
    ...(column === undefined ? {} : { column }),
  }
}
