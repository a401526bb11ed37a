const lengthMax = 64
const candidatesMax = 500

/**
 * The candidate that somebody most likely meant by `word`, for "did you mean": at most two edits away, or a third
 * of a long word. `userId`, `user_id` and `USER-ID` count as the same.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = plain(word)
  let best: string | undefined
  let bestDistance = Math.max(2, Math.floor(wanted.length / 3)) + 1
  let seen = 0
  for (const candidate of candidates) {
    if (++seen > candidatesMax) break
    const name = plain(candidate)
    const distance = editDistance(wanted, name)
    if (distance >= bestDistance || distance >= name.length) continue
    best = candidate
    bestDistance = distance
  }
  return best
}

function plain(word: string): string {
  return word.slice(0, lengthMax).toLowerCase().replaceAll(/[_-]/g, '')
}

/** How many characters must be inserted, deleted or replaced to turn one word into the other. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replace = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replace, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
