/** What commands print after a write. */
import type { Output } from './output.ts'

export function showWritten(
  out: Output,
  value: Readonly<Record<string, unknown>>,
  warnings: readonly string[],
  sentence: string,
): undefined {
  for (const warning of warnings) out.warn(warning)
  out.result({ ...value, warnings }, () => out.line(sentence))
}

/** Members of an object that have a value. */
export function given<T extends Record<string, unknown>>(
  members: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const kept: { [K in keyof T]?: Exclude<T[K], undefined> } = {}
  Object.assign(
    kept,
    Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)),
  )
  return kept
}
