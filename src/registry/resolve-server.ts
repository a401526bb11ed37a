/** An entry as somebody wrote it, with its references replaced. */

import { readStateFileSync } from '../kit/state-file.ts'
import { desiredState, type ServerSpec, type ServerSpecInput } from '../model/desired-state.ts'
import { GatewayError } from '../model/refusal.ts'
import { resolveSecrets } from '../store/resolve-secrets.ts'

export interface ResolvedServer {
  readonly spec: ServerSpec
  /** What references to secrets in it were replaced by. */
  readonly secrets: readonly string[]
  /** Replaces the references of one more text. @throws GatewayError params_invalid */
  text(text: string): string
}

export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Of the gateway, for servers that do not say. */
  readonly proxy: 'none' | 'environment'
  /** Absolute. Relative paths start here. */
  readonly baseFolder: string
}

/** @throws GatewayError params_invalid, with what is wrong */
export function resolveServer(
  { environment, baseFolder, proxy }: Surroundings,
  name: string,
  given: ServerSpecInput,
): ResolvedServer {
  /** `whole`: what the entry is called in faults; undefined: they name the member. */
  const resolve = (input: ServerSpecInput, whole?: string): Omit<ResolvedServer, 'text'> => {
    const within = (path: readonly PropertyKey[]): string =>
      whole ?? path.slice(2).map(String).join('.')
    const parsed = desiredState.safeParse({ egress: { proxy }, servers: { [name]: input } })
    if (!parsed.success)
      throw wrong(
        parsed.error.issues.map(({ path, message }) => `${within(path)}: ${message}`).join('; '),
      )
    const answer = resolveSecrets(parsed.data, {
      environment,
      baseFolder,
      readFile: readStateFileSync,
    })
    if (!answer.ok)
      throw wrong(
        answer.issues
          .map(({ path, message }) => `${within(path.split('.'))}: ${message}`)
          .join('; '),
      )
    const spec = answer.state.servers[name]
    if (spec === undefined) throw wrong('the specification is empty')
    return { spec, secrets: answer.secrets.get(name) ?? [] }
  }
  return {
    ...resolve(given),
    text: (text) =>
      text.includes('$' + '{')
        ? (resolve({ stdio: { command: text } }, 'source').spec.stdio?.command ?? text)
        : text,
  }
}

function wrong(message: string): GatewayError {
  return new GatewayError('params_invalid', { detail: message })
}
