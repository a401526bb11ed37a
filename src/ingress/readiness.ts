/** What `/readyz` answers: whether calls are served, and what is not as it should be. */
export interface ReadinessFacts {
  readonly isStopping: boolean
  readonly evidence: { readonly journal: string; readonly details: readonly string[] }
  readonly database: { readonly database: string; readonly cause?: string }
  /** What is in force, but is not kept wherever it must be. In sentences. */
  readonly notKept: readonly string[]
}

const stoppingDetail =
  'The gateway is stopping: what runs may end, and nothing new is taken. Another node or the next start will answer.'

/** Calls need the journal; administration alone needs the database. */
export function readiness({ isStopping, evidence, database, notKept }: ReadinessFacts): {
  readonly ready: boolean
  readonly text: string
} {
  const { journal } = evidence
  const { cause } = database
  const details = [
    ...(isStopping ? [stoppingDetail] : []),
    ...evidence.details,
    ...(cause === undefined
      ? []
      : [`The database cannot be used: ${cause}. Calls go on; administration does not.`]),
    ...notKept,
  ]
  const takes = journal === 'ok' || journal === 'incomplete'
  const ready = takes && !isStopping
  const text = JSON.stringify({
    status: isStopping ? 'stopping' : ready ? 'ready' : 'failing',
    journal,
    database: database.database,
    administration: database.database === 'ready' ? 'ok' : 'unavailable',
    ...(details.length === 0 ? {} : { details }),
  })
  return { ready, text }
}
