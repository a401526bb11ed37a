/** `sallyport check`: a configuration is read and compiled, and nothing started. */
import { dirname } from 'node:path'
import { issueView } from '../admin/fault.ts'
import type { CheckedConfig, Place } from '../cli/ports.ts'
import { examine } from '../registry/examine.ts'
import { Configuration } from '../snapshot/configuration.ts'
import { loadLastGood } from '../store/database.ts'
import { noRevocations } from '../store/revocations.ts'
import { sourcesOf } from '../store/sources.ts'
import { type CommandSettings, configFile, environmentOf, lastConfigFile } from './commands.ts'

/** Reads and compiles a configuration without starting anything, with the roles and rules that are stored for it. */
export async function checkConfig(settings: CommandSettings, place: Place): Promise<CheckedConfig> {
  const file = (await configFile(settings, place)) ?? (await lastConfigFile(settings, place))
  const environment = environmentOf(settings, place)
  const configuration = new Configuration({
    sources: sourcesOf(file, environment),
    local: undefined,
    revocations: noRevocations,
  })
  const stored = await loadLastGood(place.dataDir, (level, text) => settings.log[level](text))
  if (stored !== undefined)
    configuration.stored = { ...configuration.stored, roles: stored.roles, access: stored.access }
  const read = await configuration.readFile()
  if (read.ok) configuration.use(read)
  const compiled = read.ok ? configuration.compile([], undefined) : undefined
  const findings =
    compiled?.ok === true
      ? await examine(configuration.declared.state, {
          servers: compiled.servers,
          environment,
          baseFolder: file === undefined ? settings.cwd : dirname(file),
        })
      : []
  const found = (level: 'fault' | 'warning') =>
    findings.flatMap((finding) =>
      finding.level === level
        ? [
            issueView({
              path: finding.path.map(String).join('.'),
              message: finding.message,
              ...configuration.placeOf(finding.path),
            }),
          ]
        : [],
    )
  if (!read.ok) return { file, issues: read.issues.map(issueView), warnings: [] }
  // What is used all the same is of what is stored, and no fault of the file.
  const issues = compiled?.ok === false ? compiled.issues : []
  const left = compiled?.ok === true ? compiled.issues : []
  return {
    file,
    issues: [...issues.map(issueView), ...found('fault')],
    warnings: [...left.map(issueView), ...found('warning')],
  }
}
