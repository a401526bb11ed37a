/** Reads the commands that README and guides print. */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))

export const guides: readonly string[] = [
  'README.md',
  ...readdirSync(new URL('../../docs/guides/', import.meta.url))
    .map((name) => `docs/guides/${name}`)
    .sort(),
]

/** What a block may be; only `sh` is run. */
const languages = ['sh', 'text', 'json', 'yaml', 'ts', 'sql', 'mermaid']

export interface Printed {
  /** In the order in which they stand. */
  readonly commands: readonly string[]
  /** Blocks of which nobody knows whether they are commands. */
  readonly unknown: readonly string[]
}

/** Commands of the `sh` blocks, and the spans of code that begin with the name of the program. */
export function printedIn(guide: string): Printed {
  const commands: string[] = []
  const unknown: string[] = []
  let language: string | undefined
  let held = ''
  for (const line of readFileSync(`${root}${guide}`, 'utf8').split('\n')) {
    const fence = /^```(.*)$/.exec(line)
    if (fence !== null) {
      language = language === undefined ? (fence[1] ?? '') : undefined
      if (language !== undefined && !languages.includes(language)) unknown.push(line)
    } else if (language === 'sh') {
      held += line
      if (held.endsWith('\\')) held = held.slice(0, -1)
      else {
        if (held.trim() !== '') commands.push(held.replaceAll(/ {2,}/g, ' '))
        held = ''
      }
    } else if (language === undefined)
      for (const span of line.matchAll(/`((?:sallyport|npm|npx) [^`]+)`/g))
        commands.push((span[1] ?? '').replaceAll('\\|', '|'))
  }
  return { commands, unknown }
}
