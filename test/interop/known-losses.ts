// Pairs that are known to fail, each with the reason. An entry that passes by now fails the run.
export interface KnownLoss {
  readonly client: string
  /** A server, or `denied` for the check with the narrow key. */
  readonly server: string
  /** What fails: a tool, `page of TOOL`, or `*` for all of it. */
  readonly what: string
  readonly reason: string
}

export const knownLosses: readonly KnownLoss[] = []
