/** What reading a foreign file gives: servers in our form, or reasons why not. */
import type { z } from 'zod'
import type { addServer } from '../../admin/contract/servers.ts'

export type SpecInput = z.input<typeof addServer.input>['spec']

export interface Entry {
  /** As the file calls it. */
  readonly source: string
  /** A valid server name. */
  readonly name: string
  readonly spec: SpecInput
  readonly warnings: readonly string[]
}

export interface Skipped {
  readonly source: string
  readonly reason: string
}

export type Read = Entry | Skipped

/** Thrown inside a reader: the entry cannot be taken over. */
export class Skip extends Error {}

/** Facts about the machine that foreign placeholders stand for. */
export interface Surroundings {
  /** Folder of the file. */
  readonly folder: string
  readonly home: string | undefined
  readonly variables: Readonly<Record<string, string | undefined>>
}

const nameLengthMax = 24

/** Gives every entry a valid name of its own, close to the one in the file. */
export function createNamer(): (source: string) => string {
  const taken = new Set<string>()
  return (source) => {
    const plain = source
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '-')
      .replace(/^-+/, '')
    const base = (/^[a-z]/.test(plain) ? plain : `server-${plain}`).slice(0, nameLengthMax)
    const trimmed = base.replace(/-+$/, '') || 'server'
    let name = trimmed
    for (let count = 2; taken.has(name); count++)
      name = `${trimmed.slice(0, nameLengthMax - String(count).length - 1)}-${count}`
    taken.add(name)
    return name
  }
}
