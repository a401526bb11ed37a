// Where things lie: installed packages, the gateway's entry, and a folder of its own for every run.
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'

const here = dirname(fileURLToPath(import.meta.url))
export const root = dirname(dirname(here))

const manifest = z.object({
  version: z.string(),
  bin: z.union([z.string(), z.record(z.string(), z.string())]).optional(),
})
const workspace = z.object({ devDependencies: z.record(z.string(), z.string()) })

const readJson = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'))

/** The folder of an installed package; undefined when it is not installed. */
function folderOf(name: string): string | undefined {
  return [join(here, 'node_modules', name), join(root, 'node_modules', name)].find((folder) =>
    existsSync(join(folder, 'package.json')),
  )
}

const specs = (): Readonly<Record<string, string>> =>
  workspace.parse(readJson(join(here, 'package.json'))).devDependencies

/** An exact version, also of an alias such as `npm:name@1.2.3`. */
const versionIn = (spec: string): string => spec.slice(spec.lastIndexOf('@') + 1)

/** The published name and the pinned version of a dependency of the workspace. */
export function pinned(name: string): { readonly name: string; readonly version: string } {
  const spec = specs()[name]
  if (spec === undefined) throw new Error(`${name} is not a dependency of the workspace`)
  const published = /^npm:(.+)@/.exec(spec)?.[1] ?? name
  return { name: published, version: versionIn(spec) }
}

/** What is missing, or lies there in another version than the workspace pins. */
export function notInstalled(names?: readonly string[]): readonly string[] {
  return Object.entries(specs()).flatMap(([name, spec]) => {
    const version = versionIn(spec)
    if (names !== undefined && !names.includes(name)) return []
    const folder = folderOf(name)
    if (folder === undefined) return [`${name} ${version}`]
    const have = manifest.parse(readJson(join(folder, 'package.json'))).version
    return have === version ? [] : [`${name} ${version}`]
  })
}

/** The script behind a program of an installed package. */
export function program(name: string, bin?: string): string {
  const folder = folderOf(name)
  if (folder === undefined)
    throw new Error(`${name} is not installed. Run npm run interop, which installs it.`)
  const { bin: bins } = manifest.parse(readJson(join(folder, 'package.json')))
  const path = typeof bins === 'string' ? bins : bins?.[bin ?? name]
  if (path === undefined) throw new Error(`${name} has no program ${bin ?? name}.`)
  return join(folder, path)
}

/** The folders of one run. */
export interface Place {
  readonly base: string
  /** HOME of every server and client, so that none touches the real one. */
  readonly home: string
  /** What the filesystem server may read; holds `hello.txt`. */
  readonly files: string
  readonly data: string
  remove(): Promise<void>
}

export const helloText = 'Hello from a file behind the gateway.'

export async function makePlace(): Promise<Place> {
  const base = await realpath(await mkdtemp(join(tmpdir(), 'sallyport-interop-')))
  const [home, files, data] = [join(base, 'home'), join(base, 'files'), join(base, 'data')]
  const commander = join(home, '.claude-server-commander')
  await Promise.all([mkdir(files), mkdir(commander, { recursive: true })])
  await writeFile(join(files, 'hello.txt'), helloText)
  await writeFile(join(commander, 'config.json'), JSON.stringify({ telemetryEnabled: false }))
  return { base, home, files, data, remove: () => rm(base, { recursive: true, force: true }) }
}

/** Keeps servers and clients from calling home, each by the switch that it knows. */
export function quietEnvironment(place: Place): Record<string, string> {
  return {
    HOME: place.home,
    USERPROFILE: place.home,
    XDG_CONFIG_HOME: join(place.home, '.config'),
    XDG_CACHE_HOME: join(place.home, '.cache'),
    DO_NOT_TRACK: '1',
    SCARF_ANALYTICS: 'false',
    AZURE_MCP_COLLECT_TELEMETRY: 'false',
    DOTNET_CLI_TELEMETRY_OPTOUT: '1',
    DOTNET_BUNDLE_EXTRACT_BASE_DIR: join(place.home, '.net'),
    OPENAI_AGENTS_DISABLE_TRACING: '1',
    LANGSMITH_TRACING: 'false',
    LANGCHAIN_TRACING_V2: 'false',
    NEXT_TELEMETRY_DISABLED: '1',
    NO_UPDATE_NOTIFIER: '1',
    npm_config_update_notifier: 'false',
    NODE_NO_WARNINGS: '1',
    NO_COLOR: '1',
  }
}
