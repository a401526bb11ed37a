/**
 * No secret that a test gives may stand anywhere in what a gateway keeps or logs. The harness tells the secrets that it
 * knows of; tests tell theirs with `secret`. Files below `secrets/` are where they belong.
 */
import { readdirSync, readFileSync, realpathSync } from 'node:fs'
import { join, relative } from 'node:path'
import { z } from 'zod'
import { plainSecretsOf } from '../../src/store/plain-secrets.ts'

const given = new Set<string>()
/** Shorter ones stand in any file by chance. */
const lengthMin = 8

/** Makes a secret known, and returns it. */
export function secret(text: string): string {
  if (text.length >= lengthMin) given.add(text)
  return text
}

const named = z.object({ servers: z.record(z.string(), z.unknown()) })

/** The secrets of a configuration and of an environment. */
export function secretsGiven(config: unknown, env: Readonly<Record<string, string>>): void {
  const servers = named.safeParse(config).data?.servers ?? {}
  for (const server of [...Object.values(servers), { stdio: { env } }])
    for (const { path, start, end } of plainSecretsOf(server)) {
      const value = path.reduce<unknown>(
        (holder, name) =>
          typeof holder === 'object' && holder !== null
            ? Object.getOwnPropertyDescriptor(holder, name)?.value
            : undefined,
        server,
      )
      if (typeof value === 'string') secret(value.slice(start, end))
    }
}

/** Where a secret stands in a text that was logged; nothing when none does. */
export function leaksIn(text: string, place: string): string[] {
  return [...given].flatMap((one) =>
    text.includes(one)
      ? [
          `${place}: ...${text.slice(Math.max(0, text.indexOf(one) - 60), text.indexOf(one))}[${one.slice(0, 4)}...]`,
        ]
      : [],
  )
}

/**
 * Looks through all files of a data folder: journal, last good state, lists, and the pages and the log of the embedded
 * database, which hold every row that was ever written.
 */
export function leaksBelow(dataDir: string): string[] {
  const folders = [dataDir]
  try {
    folders.push(realpathSync(join(dataDir, 'postgres')))
  } catch {
    // It has no database of its own.
  }
  return folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) => {
      const path = join(entry.parentPath, entry.name)
      if (!entry.isFile() || relative(folder, path).startsWith('secrets')) return []
      const content = readFileSync(path)
      return [...given].flatMap((one) =>
        content.includes(one) ? [`${path} holds ${one.slice(0, 4)}...`] : [],
      )
    }),
  )
}
