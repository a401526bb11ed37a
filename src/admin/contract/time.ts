import { durationMs } from '../../model/desired-state.ts'

const form =
  /^(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2})(?::(\d{2})(?:\.(\d{1,3}))?)?(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)?)?$/

/**
 * Epoch milliseconds of a date (2026-11-23, 2026-11-23T10:00Z), which is UTC unless it names another zone, or of so long
 * ago (24h); undefined if it is neither, or there is no such day.
 */
export function timeOf(text: string, now: number): number | undefined {
  const ago = durationMs(text)
  if (ago !== undefined) return now - ago
  const [, day = '', minute = '00:00', second = '00', part = '', zone = 'Z'] = form.exec(text) ?? []
  const written = `${day}T${minute}:${second}.${part.padEnd(3, '0')}`
  const inUtc = Date.parse(`${written}Z`)
  // Date takes 31 February for 3 March.
  if (Number.isNaN(inUtc) || new Date(inUtc).toISOString() !== `${written}Z`) return undefined
  return Date.parse(`${written}${zone}`)
}
