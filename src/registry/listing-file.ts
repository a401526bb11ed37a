import { mkdir, rename, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { readStateFile } from '../kit/state-file.ts'
import { legacyRevisions, modernRevisions } from '../model/call.ts'
import { declaredIn, type Facts } from '../model/facts.ts'

/** The last list of one server on disk, so that a restart shows it before the server has answered. */
const savedListing = z.object({
  /** Digest of the server's specification; another one makes the file worthless. */
  spec: z.string(),
  at: z.number(),
  facts: z.object({
    era: z.enum(['legacy', 'modern']),
    revision: z.enum([...legacyRevisions, ...modernRevisions]),
    capabilities: z.string(),
    serverInfo: z.string(),
    instructions: z.string().optional(),
  }),
  raw: z.object({
    tool: z.array(z.string()),
    prompt: z.array(z.string()),
    resource: z.array(z.string()),
    template: z.array(z.string()),
    skill: z.array(z.string()).default([]),
  }),
})

type Saved = z.infer<typeof savedListing>
export type SavedListing = Omit<Saved, 'facts'> & { readonly facts: Facts }

/** Reads the saved list of a server; undefined when there is none, or one of another specification. */
export async function loadListing(
  folder: string,
  server: string,
  spec: string,
): Promise<SavedListing | undefined> {
  try {
    const parsed = savedListing.safeParse(
      JSON.parse((await readStateFile(join(folder, `${server}.json`))) ?? ''),
    )
    if (!parsed.success || parsed.data.spec !== spec) return undefined
    const { era, revision, capabilities, serverInfo, instructions } = parsed.data.facts
    const declared = declaredIn(capabilities)
    return { ...parsed.data, facts: { era, revision, declared, serverInfo, instructions } }
  } catch {
    return undefined
  }
}

export async function saveListing(
  folder: string,
  server: string,
  listing: SavedListing,
): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const path = join(folder, `${server}.json`)
  const { era, revision, declared, serverInfo, instructions } = listing.facts
  const facts: Saved['facts'] = {
    era,
    revision,
    capabilities: declared.raw,
    serverInfo,
    ...(instructions === undefined ? {} : { instructions }),
  }
  await writeFile(`${path}.new`, JSON.stringify({ ...listing, facts }), { mode: 0o600 })
  await rename(`${path}.new`, path)
}

export async function removeListing(folder: string, server: string): Promise<void> {
  await unlink(join(folder, `${server}.json`)).catch(() => undefined)
}
