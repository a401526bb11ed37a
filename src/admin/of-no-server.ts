/** Patterns that speak of a server by its name while there is none of that name: often a slip of the pen. */
import { nearest } from '../kit/nearest.ts'
import type { AdminPorts } from './ports.ts'

/** One warning for each name; the pattern may be meant for a server that is still to come. */
export function ofNoServer(
  ports: Pick<AdminPorts, 'snapshot'>,
  patterns: readonly string[],
): string[] {
  const known = Object.keys(ports.snapshot().state.servers)
  const names = patterns.map((text) => /^(?:\w+:)?([^/*]+)\//.exec(text)?.[1] ?? '')
  return [...new Set(names)]
    .filter((name) => name !== '' && !known.includes(name))
    .map((name) => {
      const meant = nearest(name, known)
      return `There is no server "${name}" yet${meant === undefined ? '' : `; did you mean "${meant}"?`}`
    })
}
