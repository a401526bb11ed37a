import type { Journal } from './journal.ts'

export interface JournalStanding {
  /** `incomplete` takes entries, but lacks earlier ones. */
  readonly journal: 'ok' | 'failing' | 'lost' | 'incomplete'
  readonly details: readonly string[]
}

/** How it stands with the evidence, in sentences for people who may not read the journal. */
export function journalStanding(
  journal: Pick<Journal, 'state' | 'losses' | 'jumpedMs'>,
): JournalStanding {
  const { kind } = journal.state()
  const losses = journal.losses().length
  const days = Math.round(journal.jumpedMs() / 86_400_000)
  const details = [
    ...(kind === 'failing' ? ['The disk takes nothing; calls are refused until it does.'] : []),
    ...(kind === 'lost'
      ? [
          'The file of the journal was removed, replaced or cut while it was being written. Nothing is recorded until the gateway is started again.',
        ]
      : []),
    ...(losses > 0
      ? ['Evidence is missing or was changed: "sallyport audit verify" says what.']
      : []),
    ...(days > 0
      ? [
          `The clock went forward by ${days} days with no gateway to see them pass. Retention leaves them out until it has passed once more.`,
        ]
      : []),
  ]
  return { journal: kind === 'ok' && losses > 0 ? 'incomplete' : kind, details }
}
