/** Extensions of MCP that are relayed, by allow-list (protocol.md section 13; MCP 2026-07-28 basic/index, "Extensions"). */
import { isObjectText, type JsonMember } from '../kit/json-scan.ts'

export const tasksExtension = 'io.modelcontextprotocol/tasks'
export const skillsExtension = 'io.modelcontextprotocol/skills'
export const appsExtension = 'io.modelcontextprotocol/ui'

/** Allowed for every server that says nothing else. */
export const knownExtensions = [tasksExtension, skillsExtension, appsExtension] as const

const countMax = 32
const settingsCharsMax = 4_096

/**
 * The `extensions` of a raw capabilities object, of whose members those of `extensions` were collected: identifier to raw
 * settings. Malformed ones count as absent.
 */
export function extensionsIn(
  raw: string,
  members: readonly JsonMember[],
): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const entry of members.find((member) => member.key === 'extensions')?.members ?? []) {
    const settings = raw.slice(entry.start, entry.end)
    if (isObjectText(settings) && settings.length <= settingsCharsMax && found.size < countMax)
      found.set(entry.key, settings)
  }
  return found
}

/** The text of an `extensions` member, or nothing when it would be empty. */
export function extensionsText(extensions: Iterable<readonly [string, string]>): string {
  const parts = [...extensions].map(([id, raw]) => `${JSON.stringify(id)}:${raw}`)
  return parts.length === 0 ? '' : `"extensions":{${parts.join(',')}}`
}

/** Settings in one of a few forms, since legacy sessions are pooled by what they were opened with. */
const pooledSettings: Readonly<Record<string, string>> = {
  [appsExtension]: '{"mimeTypes":["text/html;profile=mcp-app"]}',
  [skillsExtension]: '{}',
}

/** What a legacy server is told of a caller at `initialize`: its pooled capabilities with the extensions that are relayed. */
export function legacyCapabilities(
  capabilities: { readonly pooled: string; readonly extensions: ReadonlyMap<string, string> },
  allowed: ReadonlySet<string>,
): string {
  if (capabilities.extensions.size === 0) return capabilities.pooled
  const kept = Object.entries(pooledSettings).filter(
    ([id]) => allowed.has(id) && capabilities.extensions.has(id),
  )
  const text = extensionsText(kept)
  if (text === '') return capabilities.pooled
  return `${capabilities.pooled.slice(0, -1)}${capabilities.pooled === '{}' ? '' : ','}${text}}`
}
