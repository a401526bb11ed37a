/** The database's own no: what a model can read and act on. Never holds the address or a secret. */
export class StatementFault extends Error {
  /** SQLSTATE, or the name that the engine has for it. */
  readonly code: string
  readonly hint: string | undefined
  /** Character in the statement, from 1. */
  readonly position: number | undefined

  constructor(
    code: string,
    message: string,
    more: { hint?: string | undefined; position?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause })
    this.name = 'StatementFault'
    this.code = code
    this.hint = more.hint
    this.position = more.position
  }
}

/** Said of a statement of a caller that yields no rows: it is refused before it runs. */
export function noRowsFault(): StatementFault {
  return new StatementFault(
    'read_only',
    'Only one statement that returns rows is run here: SELECT, WITH, VALUES, TABLE, SHOW or EXPLAIN.',
    { hint: 'This tool reads. Nothing was changed.' },
  )
}

export function parametersFault(wanted: number, given: number): StatementFault {
  return new StatementFault(
    'parameters',
    `The statement has ${wanted} parameters, but ${given} were given.`,
  )
}

export function timeoutFault(timeoutMs: number): StatementFault {
  return new StatementFault(
    'timeout',
    `The statement ran longer than ${timeoutMs} ms and was stopped.`,
    {
      hint: 'Narrow it down: filter, use an indexed column, aggregate less.',
    },
  )
}

/** Whether a write touched more rows than it may. */
export function touchesMore(
  affected: number | undefined,
  affectedMax: number | undefined,
): boolean {
  return affected !== undefined && affectedMax !== undefined && affected > affectedMax
}

export function affectedFault(affected: number | undefined): StatementFault {
  return new StatementFault(
    'affected_rows',
    `The statement would have touched ${affected} rows, not one. Nothing was changed.`,
  )
}
