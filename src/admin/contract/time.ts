import { durationMs } from '../../model/desired-state.ts'

/** Epoch milliseconds of a date (2026-11-23, 2026-11-23T10:00Z) or of so long ago (24h); undefined if it is neither. */
export function timeOf(text: string, now: number): number | undefined {
  const ago = durationMs(text)
  if (ago !== undefined) return now - ago
  const at = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? undefined : at
}
