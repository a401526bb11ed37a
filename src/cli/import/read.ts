/** Any of the files that `import` knows, to entries. Pure but for what the surroundings tell. */
import { z } from 'zod'
import { clientEntry, specOfClientEntry } from './client-config.ts'
import { createNamer, type Read, Skip, type SpecInput, type Surroundings } from './entry.ts'
import { parseJsonc } from './jsonc.ts'
import { serverJson, specOfServerJson } from './server-json.ts'

const record = z.record(z.string(), z.unknown())
const wrapped = z.looseObject({ server: serverJson })
const withServers = z.union([
  z.looseObject({ mcpServers: record }).transform((file) => file.mcpServers),
  z.looseObject({ servers: record }).transform((file) => file.servers),
  z.looseObject({ mcp: z.looseObject({ servers: record }) }).transform((file) => file.mcp.servers),
])
const bare = z.record(
  z.string(),
  z.union([z.looseObject({ command: z.string() }), z.looseObject({ url: z.string() })]),
)

/** Undefined when the text is none of the known forms. @throws SyntaxError when it is no JSON */
export function readImport(text: string, around: Surroundings): readonly Read[] | undefined {
  const value = parseJsonc(text)
  const nameFor = createNamer()
  const registry = serverJson.safeParse(value).data ?? wrapped.safeParse(value).data?.server
  if (registry !== undefined && (registry.packages ?? registry.remotes) !== undefined) {
    const own = registry.name.slice(registry.name.indexOf('/') + 1)
    return [
      readOne(registry.name, nameFor(own), (warnings) => specOfServerJson(registry, warnings)),
    ]
  }
  const servers = withServers.safeParse(value).data ?? nonEmpty(bare.safeParse(value).data)
  if (servers === undefined) return undefined
  return Object.entries(servers).map(([source, given]) =>
    readOne(source, nameFor(source), (warnings) => {
      const entry = clientEntry.safeParse(given)
      if (entry.success) return specOfClientEntry(entry.data, around, warnings)
      const [issue] = entry.error.issues
      throw new Skip(`${issue?.path.join('.') || 'it'}: ${issue?.message ?? 'is not valid'}`)
    }),
  )
}

function nonEmpty(
  servers: Readonly<Record<string, unknown>> | undefined,
): Readonly<Record<string, unknown>> | undefined {
  return servers === undefined || Object.keys(servers).length === 0 ? undefined : servers
}

function readOne(source: string, name: string, read: (warnings: string[]) => SpecInput): Read {
  const warnings: string[] = []
  try {
    const spec = read(warnings)
    if (name !== source) warnings.unshift(`is called ${name} here`)
    return { source, name, spec, warnings }
  } catch (error) {
    if (error instanceof Skip) return { source, reason: error.message }
    throw error
  }
}
