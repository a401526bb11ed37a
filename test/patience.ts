/**
 * How long a test waits at most for a state that comes by itself, in milliseconds. Nothing is judged by it: it is the
 * net below tests that would otherwise wait for ever, and is wide enough for a machine many times slower.
 */
export const patienceMs = 120_000

/** Asks until something is so. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + patienceMs
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`it did not happen in ${patienceMs / 1_000} s`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
