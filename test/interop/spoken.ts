// Which revision a key spoke: every intent of the gateway's own journal says it.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Place } from './places.ts'

const intent = z.object({
  kind: z.literal('intent'),
  principal: z.string(),
  revision: z.string(),
})

/** The revisions in which the key called something. */
export async function spokenBy(place: Place, key: string): Promise<readonly string[]> {
  const folder = join(place.data, 'journal')
  const found = new Set<string>()
  for (const name of await readdir(folder, { recursive: true })) {
    if (!name.endsWith('.journal')) continue
    for (const line of (await readFile(join(folder, name), 'utf8')).split('\n')) {
      if (!line.includes(`"key:${key}"`)) continue
      const entry = intent.safeParse(jsonOf(line))
      if (entry.success && entry.data.principal === `key:${key}`) found.add(entry.data.revision)
    }
  }
  return [...found].sort()
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    // The last line may be half written.
    return undefined
  }
}
