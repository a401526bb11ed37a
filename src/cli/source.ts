/** What commands are told of a source beside its name, and how they ask what it is. */
import { isAbsolute, resolve } from 'node:path'
import { Option } from 'commander'
import { z } from 'zod'
import { type AdminClient, ask } from '../admin/contract/client.ts'
import { type DetectedSource, type DetectInput, detectSource } from '../admin/contract/convert.ts'
import { serverKinds } from '../model/desired-state.ts'
import { UsageError } from './command.ts'
import type { Words } from './words.ts'

/** For options that may be given again; unlike a variadic option it takes one word each time. */
export function collect(word: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), word]
}

const words = z.array(z.string()).default([])

export const sourceValues = z.object({
  header: words,
  bearer: z.string().optional(),
  basic: z.string().optional(),
  baseUrl: z.string().optional(),
  root: z.string().optional(),
  egressHost: words,
  egressNetwork: words,
  include: words,
  exclude: words,
  schemas: z.enum(['compact', 'full']).optional(),
})
export type SourceOptions = z.output<typeof sourceValues>

export function sourceOptions(): Option[] {
  return [
    new Option('--header <K: V>', 'header for the server; repeat').argParser(collect),
    new Option('--bearer <reference>', 'bearer token, best as a reference to a variable or file'),
    new Option('--basic <user:password>', 'basic credential, best with a reference'),
    new Option('--base-url <url>', 'where calls go, when the description does not say'),
    new Option('--root <folder>', 'folder of the files that a description may point at'),
    new Option('--include <pattern>', 'operations or tools to take, with *; repeat').argParser(
      collect,
    ),
    new Option('--exclude <pattern>', 'operations or tools to leave out; repeat').argParser(
      collect,
    ),
    new Option('--schemas <how>', 'whether large schemas are summarised').choices([
      'compact',
      'full',
    ]),
    new Option('--egress-host <host>', 'a further host that may be reached; repeat').argParser(
      collect,
    ),
    new Option(
      '--egress-network <range>',
      'private, loopback, link-local or a CIDR that may be reached; repeat',
    ).argParser(collect),
  ]
}

/** What the members of an entry come from. */
export function sourceWords({ baseUrl }: SourceOptions): Words {
  const source = 'SOURCE'
  const address = baseUrl === undefined ? source : '--base-url'
  return {
    baseUrl: '--base-url',
    endpoint: '--base-url',
    hosts: '--egress-host',
    networks: '--egress-network',
    command: 'the command behind --',
    args: 'the command behind --',
    url: address,
    address,
    wsdl: source,
    schema: source,
    proto: source,
    spec: source,
    source,
  }
}

const kindNames = serverKinds.filter((kind) => kind !== 'stdio')

/** @throws UsageError */
export function kindNamed(word: string): Exclude<(typeof serverKinds)[number], 'stdio'> {
  const kind = kindNames.find((name) => name === word)
  if (kind === undefined)
    throw new UsageError(
      `There is no kind "${word}".`,
      `The kinds are ${['stdio', ...kindNames].join(', ')}.`,
    )
  return kind
}

/** Asks what a source is, and for the entry that it makes. */
export function detectFrom(
  client: AdminClient,
  given: {
    readonly source: string
    readonly kind: DetectInput['kind']
    readonly cwd: string
    readonly options: SourceOptions
  },
): Promise<DetectedSource> {
  const { source, kind, cwd, options } = given
  const { baseUrl, root, egressHost, egressNetwork, include, exclude } = options
  const credential = credentialOf(options)
  return ask(client, detectSource, {
    source: absoluteSource(source, cwd),
    headers: headersOf(options),
    ...(kind === undefined ? {} : { kind }),
    ...(baseUrl === undefined ? {} : { baseUrl }),
    ...(root === undefined ? {} : { root: absoluteSource(root, cwd) }),
    ...(credential === undefined ? {} : { credential }),
    ...(egressHost.length + egressNetwork.length === 0
      ? {}
      : { egress: { hosts: egressHost, networks: egressNetwork } }),
    ...(include.length + exclude.length === 0 ? {} : { operations: { include, exclude } }),
  })
}

function credentialOf({ bearer, basic }: SourceOptions): DetectInput['credential'] {
  if (bearer !== undefined && basic !== undefined)
    throw new UsageError('--bearer and --basic exclude each other.', 'Give one of them.')
  if (bearer !== undefined) return { bearer }
  if (basic === undefined) return undefined
  const [username, password] = pair(basic, /^([^:]+):(.*)$/s, '--basic USER:PASSWORD')
  return { basic: { username, password } }
}

function headersOf({ header }: Pick<SourceOptions, 'header'>): Record<string, string> {
  return Object.fromEntries(
    header.map((text) => pair(text, /^([^:\s]+):\s*(.*)$/s, "--header 'Name: value'")),
  )
}

export function pair(text: string, form: RegExp, example: string): [string, string] {
  const match = form.exec(text)
  if (match?.[1] === undefined) throw new UsageError(`"${text}" is not a pair.`, example)
  return [match[1], match[2] ?? '']
}

/** The gateway may run in another folder, so paths go to it absolute. */
function absoluteSource(source: string, cwd: string): string {
  if (source.startsWith('sqlite:') && !source.startsWith('sqlite::')) {
    const path = source.slice('sqlite:'.length).replace(/^\/\/(?=\/)/, '')
    return isAbsolute(path) ? source : `sqlite:${resolve(cwd, path)}`
  }
  const isElsewhere =
    /^[a-z][a-z0-9+.-]*:/i.test(source) ||
    /^[a-z0-9.-]+:\d{1,5}$/i.test(source) ||
    source.startsWith('$' + '{')
  return isElsewhere || isAbsolute(source) ? source : resolve(cwd, source)
}
