/**
 * Whether a pattern says `\k<name>`: what was matched before must stand here again, which no engine finds in linear
 * time. The one that we have takes it for the letters, and would refuse what fits.
 */
export function hasNamedBackReference(pattern: string): boolean {
  return /^(?:[^\\]|\\[^k])*\\k</s.test(pattern)
}
