/** What is presented to an MCP server and must not come back from it. */
import type { ServerSpec } from '../model/desired-state.ts'
import { isTelling } from '../store/resolve-secrets.ts'
import { secretsOfCredential, secretsOfValue } from '../upstream/secrets.ts'

const flag = /^--?([A-Za-z][\w.-]*)(?:=(.*))?$/s

/**
 * Credentials in a resolved specification: those that it names as such, headers, variables and options with a telling name, user
 * and password of a URL, telling parameters of its query, and `inserted`: what references to secrets were replaced by.
 */
export function presentedSecrets(
  spec: ServerSpec,
  inserted: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const { credential, http, stdio } = spec
  const inherited = (stdio?.inherit ?? []).map((name): [string, string] => [
    name,
    environment[name] ?? '',
  ])
  const named = [
    ...Object.entries(http?.headers ?? {}),
    ...Object.entries(stdio?.env ?? {}),
    ...inherited,
  ]
  const all = [
    ...(credential === undefined ? [] : secretsOfCredential(credential)),
    ...named.flatMap(([name, value]) => (isTelling(name) ? secretsOfValue(value) : [])),
    ...named.flatMap(([, value]) => ofUrl(value)),
    ...(http === undefined ? [] : ofUrl(http.url)),
    ...ofArguments(stdio?.args ?? []),
    ...inserted.flatMap(secretsOfValue),
  ]
  return [...new Set(all)].filter((text) => text !== '')
}

function ofUrl(text: string): readonly string[] {
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? URL.parse(text) : null
  if (url === null) return []
  const password = decoded(url.password)
  const user = decoded(url.username)
  const query = [...url.searchParams].flatMap(([name, value]) => (isTelling(name) ? [value] : []))
  // A name without a password is a token, as some services take it.
  if (url.username === '' && password === '') return query
  const sent = Buffer.from(`${user}:${password}`).toString('base64')
  return [password === '' ? user : password, sent, ...query]
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** `--token x`, `--token=x`, and URLs. */
function ofArguments(args: readonly string[]): readonly string[] {
  return args.flatMap((arg, at) => {
    const [, name = '', value = args[at + 1]] = flag.exec(arg) ?? []
    return [...ofUrl(arg), ...(isTelling(name) && value !== undefined ? secretsOfValue(value) : [])]
  })
}
