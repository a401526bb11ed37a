/** Turns references to secrets into their values, when a Snapshot is compiled. */
import { isAbsolute, join } from 'node:path'
import { type DesiredState, desiredState, type Issue } from '../model/desired-state.ts'
import type { Locate } from './declared.ts'

const secretLengthMax = 65_536
/** `$${` is a literal `${`; `${NAME}` and `${file:PATH}` are references; any other `${` a mistake. */
const reference = /\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)|file:([^}]+))\}|\$\{[^}]*\}?/g

const telling =
  /^(?:auth|authorization|cookie|key|keys|apikey|token|secret|secrets|password|passwd|passphrase|pass|pwd|pat|credential|credentials)$/
/** A variable that ends so says where something is, or who, not what is secret about it. */
const pointing =
  /^(?:url|uri|file|path|dir|host|port|name|id|user|username|endpoint|type|scope|scopes|ttl)$/

/** Whether the name of a header, variable, option or parameter says that its value is a secret. */
export function isTelling(name: string): boolean {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
  return words.some((word) => telling.test(word)) && !pointing.test(words.at(-1) ?? '')
}

export interface SecretPorts {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Relative paths of `file:` start here. */
  readonly baseFolder: string
  readonly readFile: (path: string) => string
  /** Places of values in the declared file; stored values have none. */
  readonly locate?: Locate
}

export type Resolved =
  | {
      readonly ok: true
      readonly state: DesiredState
      /** By server: what references to secrets in it were replaced by. */
      readonly secrets: ReadonlyMap<string, readonly string[]>
    }
  | { readonly ok: false; readonly issues: readonly Issue[] }

/**
 * Replaces `${NAME}` and `${file:PATH}` inside any text, and values that are `file:PATH` as a whole. Issues never hold a value.
 * The result holds secrets: it goes to those who connect to servers, never into a Snapshot, a log or an answer.
 */
export function resolveSecrets(state: DesiredState, ports: SecretPorts): Resolved {
  const issues: Issue[] = []
  const complain = (path: readonly PropertyKey[], message: string) => {
    const place = ports.locate?.(path) ?? { file: undefined, line: undefined, column: undefined }
    issues.push({ path: path.map(String).join('.'), message, ...place })
  }
  const secrets = new Map<string, string[]>()
  const inserted = (path: readonly PropertyKey[], value: string): void => {
    if (path[0] !== 'servers') return
    const server = String(path[1])
    secrets.set(server, [...(secrets.get(server) ?? []), value])
  }
  const walk = (value: unknown, path: readonly PropertyKey[]): unknown => {
    if (typeof value === 'string')
      return resolveText(
        value,
        ports,
        (message) => complain(path, message),
        (text, name) => {
          if (name === undefined || isTelling(name) || isTelling(String(path.at(-1))))
            inserted(path, text)
        },
      )
    if (Array.isArray(value)) return value.map((item, index) => walk(item, [...path, index]))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => [name, walk(member, [...path, name])]),
    )
  }
  const parsed = desiredState.safeParse(walk(state, []))
  if (!parsed.success)
    for (const { path } of parsed.error.issues)
      complain(path, 'is not valid once its references are replaced by their values')
  return parsed.success && issues.length === 0
    ? { ok: true, state: complete(parsed.data), secrets }
    : { ok: false, issues }
}

/** Every server says itself what it has of the gateway. */
function complete(state: DesiredState): DesiredState {
  const { proxy } = state.egress
  const servers = Object.entries(state.servers).map(
    ([name, spec]) => [name, { ...spec, egress: { proxy, ...spec.egress } }] as const,
  )
  return { ...state, servers: Object.fromEntries(servers) }
}

function resolveText(
  text: string,
  { environment, baseFolder, readFile }: SecretPorts,
  complain: (message: string) => void,
  replaced: (value: string, name: string | undefined) => void,
): string {
  const contentOf = (path: string): string | undefined => {
    try {
      const content = readFile(isAbsolute(path) ? path : join(baseFolder, path))
      if (content.length <= secretLengthMax) {
        const value = content.replace(/\r?\n$/, '')
        replaced(value, undefined)
        return value
      }
      complain(`the file ${path} is too large for a secret`)
    } catch {
      complain(`the file ${path} cannot be read`)
    }
    return undefined
  }
  if (text.startsWith('file:')) return contentOf(text.slice('file:'.length)) ?? text
  return text.replace(reference, (match, name: string | undefined, file: string | undefined) => {
    if (match === '$${') return '${'
    if (file !== undefined) return contentOf(file) ?? match
    if (name === undefined) {
      complain(
        `${match} is no reference; write \${NAME} or \${file:PATH}, or $\${ for a literal \${`,
      )
      return match
    }
    const value = environment[name]
    if (value === undefined) complain(`the environment variable ${name} is not set`)
    else replaced(value, name)
    return value ?? match
  })
}
