/**
 * `server.json` of the MCP registry: packages that run here, and remote endpoints.
 * Source: https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json
 */
import { z } from 'zod'
import { Skip, type SpecInput } from './entry.ts'
import { reference, variableFor } from './placeholders.ts'

const inputShape = {
  value: z.string().optional(),
  default: z.string().optional(),
  isRequired: z.boolean().default(false),
  isSecret: z.boolean().default(false),
}
const variables = z
  .record(
    z.string(),
    z.looseObject({ value: z.string().optional(), default: z.string().optional() }),
  )
  .default({})
const keyValue = z.looseObject({ name: z.string(), ...inputShape, variables })
const argument = z.looseObject({
  type: z.enum(['positional', 'named']),
  name: z.string().optional(),
  valueHint: z.string().optional(),
  ...inputShape,
  variables,
})
type KeyValue = z.output<typeof keyValue>
type Argument = z.output<typeof argument>

const packageForm = z.looseObject({
  registryType: z.string(),
  identifier: z.string(),
  version: z.string().optional(),
  runtimeHint: z.string().optional(),
  transport: z.looseObject({ type: z.string() }),
  runtimeArguments: z.array(argument).default([]),
  packageArguments: z.array(argument).default([]),
  environmentVariables: z.array(keyValue).default([]),
})
type Package = z.output<typeof packageForm>

const remoteForm = z.looseObject({
  type: z.string(),
  url: z.string(),
  headers: z.array(keyValue).default([]),
  variables,
})
type Remote = z.output<typeof remoteForm>

export const serverJson = z.looseObject({
  name: z.string().regex(/^[^/]+\/[^/]+$/),
  title: z.string().optional(),
  description: z.string().optional(),
  packages: z.array(packageForm).optional(),
  remotes: z.array(remoteForm).optional(),
})

/** @throws Skip when nothing of it can run here */
export function specOfServerJson(
  server: z.output<typeof serverJson>,
  warnings: string[],
): SpecInput {
  const common = {
    ...(server.title === undefined ? {} : { title: server.title }),
    ...(server.description === undefined ? {} : { description: server.description }),
  }
  const reasons: string[] = []
  const choices = [
    ...(server.packages ?? []).map((one) => () => specOfPackage(one, warnings)),
    ...(server.remotes ?? []).map((one) => () => specOfRemote(one, warnings)),
  ]
  for (const choice of choices) {
    try {
      return { ...common, ...choice() }
    } catch (error) {
      if (!(error instanceof Skip)) throw error
      reasons.push(error.message)
    }
  }
  throw new Skip(reasons.length === 0 ? 'it has no package and no remote' : reasons.join('; '))
}

interface Runtime {
  readonly hints: readonly string[]
  readonly before: readonly string[]
  readonly join: (identifier: string, version: string) => string
}

const runtimes: Readonly<Record<string, Runtime>> = {
  npm: { hints: ['npx', 'bunx'], before: ['-y'], join: (id, version) => `${id}@${version}` },
  pypi: { hints: ['uvx'], before: [], join: (id, version) => `${id}@${version}` },
  oci: {
    hints: ['docker', 'podman'],
    before: ['run', '-i', '--rm'],
    // The version may stand in the identifier already, as a tag or digest.
    join: (id, version) => (/[:@][^/]*$/.test(id) ? id : `${id}:${version}`),
  },
}

function specOfPackage(given: Package, warnings: string[]): SpecInput {
  const { registryType, identifier, version, runtimeHint, transport } = given
  const runtime = runtimes[registryType]
  if (runtime === undefined) throw new Skip(`packages of ${registryType} cannot be run yet`)
  if (transport.type !== 'stdio')
    throw new Skip(
      `the ${registryType} package listens on ${transport.type} and must be started by hand`,
    )
  if (!/^[@A-Za-z0-9][^\s]*$/.test(identifier)) throw new Skip(`"${identifier}" is no package`)
  if (version !== undefined && !/^[A-Za-z0-9][^\s]*$/.test(version))
    throw new Skip(`"${version}" is no version`)
  const [usual = ''] = runtime.hints
  const command = runtime.hints.find((hint) => hint === runtimeHint) ?? usual
  if (runtimeHint !== undefined && command !== runtimeHint)
    warnings.push(`runs with ${command} instead of ${runtimeHint}`)
  const name = version === undefined ? identifier : runtime.join(identifier, version)
  const env = pairs(given.environmentVariables, '', warnings)
  // A container sees only the variables that are named to it.
  const passed = registryType === 'oci' ? Object.keys(env).flatMap((key) => ['-e', key]) : []
  const own = wordsOf(given.runtimeArguments, warnings).filter(
    (word) => !runtime.before.includes(word),
  )
  const args = [
    ...runtime.before,
    ...passed,
    ...own,
    name,
    ...wordsOf(given.packageArguments, warnings),
  ]
  return { stdio: { command, args, ...(Object.keys(env).length === 0 ? {} : { env }) } }
}

function specOfRemote(given: Remote, warnings: string[]): SpecInput {
  if (given.type !== 'streamable-http' && given.type !== 'sse')
    throw new Skip(`a remote of type ${given.type} is not known`)
  const url = filled(given.url, given.variables, warnings)
  if (!/^https?:\/\//i.test(url)) throw new Skip(`"${given.url}" is no http or https URL`)
  const headers = pairs(given.headers, new URL(url.replaceAll('$', '')).hostname, warnings)
  return {
    http: {
      url,
      ...(Object.keys(headers).length === 0 ? {} : { headers }),
      ...(given.type === 'sse' ? { transport: 'sse' as const } : {}),
    },
  }
}

/** Words of the arguments; what a person must give becomes a reference to a variable. */
function wordsOf(given: readonly Argument[], warnings: string[]): string[] {
  return given.flatMap((one) => {
    const name = one.type === 'named' ? (one.name ?? '') : ''
    const value = valueFrom(one, name || (one.valueHint ?? 'argument'), warnings)
    if (name === '') return value === undefined ? [] : [value]
    return value === undefined ? [] : [name, value]
  })
}

function pairs(
  given: readonly KeyValue[],
  prefix: string,
  warnings: string[],
): Record<string, string> {
  const found: Record<string, string> = {}
  for (const one of given) {
    const variable = prefix === '' ? one.name : `${prefix} ${one.name}`
    const value = valueFrom(one, variable, warnings)
    if (value !== undefined) found[one.name] = value
  }
  return found
}

type Input = Pick<KeyValue, 'value' | 'default' | 'isRequired' | 'isSecret' | 'variables'>

function valueFrom(given: Input, variable: string, warnings: string[]): string | undefined {
  const text = given.value ?? given.default
  if (text !== undefined) return filled(text, given.variables, warnings)
  if (!given.isRequired) {
    warnings.push(`"${variable}" is optional and was left out`)
    return undefined
  }
  return wanted(variable, warnings)
}

/** Replaces `{name}` of the registry's templates. */
function filled(text: string, from: Input['variables'], warnings: string[]): string {
  return text.replaceAll(/\{([^{}]+)\}/g, (whole, name: string) => {
    const known = from[name]
    if (known === undefined) return whole
    return known.value ?? known.default ?? wanted(name, warnings)
  })
}

function wanted(name: string, warnings: string[]): string {
  const variable = variableFor(name)
  warnings.push(`set the variable ${variable} for the gateway`)
  return reference(variable)
}
