/** What `sallyport check` looks at beside the form of the file: whether what it names is there, and what had better not stand in it. */
import { access, constants, stat } from 'node:fs/promises'
import { isAbsolute, join, resolve } from 'node:path'
import type { DesiredState, ServerSpec } from '../model/desired-state.ts'
import { childEnvironment } from '../process/environment.ts'
import { plainSecrets } from '../store/plain-secrets.ts'
import { apiEntry } from './kinds.ts'

export interface Finding {
  /** Of the configuration. */
  readonly path: readonly PropertyKey[]
  readonly message: string
  readonly level: 'fault' | 'warning'
}

export interface CheckPorts {
  /** With its references replaced. */
  readonly servers: Readonly<Record<string, ServerSpec>>
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly baseFolder: string
}

/** Findings in a state whose form is right. */
export async function examine(state: DesiredState, ports: CheckPorts): Promise<Finding[]> {
  const found: Finding[] = []
  const add = (level: Finding['level'], path: Finding['path'], message: string): void => {
    found.push({ path, message, level })
  }
  for (const [name, spec] of Object.entries(state.servers))
    for (const path of plainSecrets(spec))
      add(
        'warning',
        ['servers', name, ...path.split('.')],
        `holds a secret as it is; write \${NAME}, or \${file:PATH}, in its place`,
      )
  for (const [name, spec] of Object.entries(ports.servers)) {
    if (!spec.enabled) continue
    const { stdio } = spec
    if (stdio !== undefined && !(await isProgram(stdio, ports)))
      add('fault', ['servers', name, 'stdio', 'command'], `there is no program "${stdio.command}"`)
    const place = apiEntry(spec, ports.baseFolder)?.description
    if (place !== undefined && isAbsolute(place) && !(await isThere(place)))
      add('fault', ['servers', name], `${place} cannot be read`)
  }
  for (const [index, { calls, concurrent }] of state.limits.entries())
    if (calls === undefined && concurrent === undefined)
      add('fault', ['limits', index], 'limits nothing; give calls, concurrent or both')
  return found
}

async function isThere(path: string): Promise<boolean> {
  return access(path, constants.R_OK).then(
    () => true,
    () => false,
  )
}

/** Windows looks for endings of its own, so nothing is said there. */
async function isProgram(
  { command, cwd, inherit, env }: NonNullable<ServerSpec['stdio']>,
  { environment, baseFolder }: CheckPorts,
): Promise<boolean> {
  if (process.platform === 'win32') return true
  const folders = command.includes('/')
    ? [cwd ?? baseFolder]
    : (childEnvironment(environment, inherit, env)['PATH'] ?? '').split(':')
  for (const folder of folders) {
    const path = isAbsolute(command) ? command : join(resolve(baseFolder, folder), command)
    const isFile = await stat(path).then(
      (found) => found.isFile(),
      () => false,
    )
    if (
      isFile &&
      (await access(path, constants.X_OK).then(
        () => true,
        () => false,
      ))
    )
      return true
  }
  return false
}
