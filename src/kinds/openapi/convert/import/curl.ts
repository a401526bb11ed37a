/** curl command lines, as documentation and browsers ("Copy as cURL") give them. Nothing is run, no file is read. */
import { bareType } from '../media.ts'
import {
  type FormPart,
  formBody,
  multipartBody,
  noteAuth,
  pairsOf,
  type RawPair,
  readUrl,
  sampleBody,
  sortHeaders,
  sortQuery,
} from './request.ts'
import type { ImportNote, Seen, SeenAuth, SeenBody, SeenRequest } from './seen.ts'
import { shellCommands } from './shell-words.ts'

export function isCurl(text: string): boolean {
  return /^(?:\s*(?:#[^\n]*)?\n)*\s*\$?\s*curl(?:\.exe)?\s/.test(text.slice(0, 4_000))
}

export function readCurl(text: string): Seen {
  const notes: ImportNote[] = []
  const requests = shellCommands(text).flatMap(({ words, line }) => {
    const rest = words[0] === '$' ? words.slice(1) : words
    const [command = '', ...options] = rest
    const place = `#line ${line}`
    if (/^(?:.*[\\/])?curl(?:\.exe)?$/.test(command)) return readCommand(options, place, notes)
    notes.push({
      code: 'feature_unsupported',
      reason: `Only curl is read; ${command.slice(0, 40)} is left out.`,
      place,
    })
    return []
  })
  const host = requests[0]?.origin
  return {
    title: host === undefined ? 'curl' : new URL(host).host,
    version: '1',
    description: undefined,
    requests,
    notes,
  }
}

/** Options with a value that matters here, by their long name. */
const short: Readonly<Record<string, string>> = {
  X: 'request',
  H: 'header',
  d: 'data',
  F: 'form',
  u: 'user',
  b: 'cookie',
  G: 'get',
  I: 'head',
  T: 'upload-file',
  E: 'cert',
  A: 'user-agent',
  e: 'referer',
}
/** Other options that take a value, which is skipped. */
const shortWithValue = new Set('AbcCDeEFhHKmoPQrtTuUwxXyYzd')
const flags = new Set([
  ...['get', 'head', 'location', 'silent', 'show-error', 'insecure', 'verbose', 'compressed'],
  ...['fail', 'fail-with-body', 'include', 'http1.1', 'http2', 'http3', 'globoff', 'no-buffer'],
  ...[
    'remote-name',
    'basic',
    'digest',
    'ntlm',
    'negotiate',
    'anyauth',
    'path-as-is',
    'ipv4',
    'ipv6',
  ],
  ...[
    'location-trusted',
    'raw',
    'tlsv1.2',
    'tlsv1.3',
    'ssl-no-revoke',
    'progress-bar',
    'no-progress-meter',
  ],
  ...[
    'remote-header-name',
    'create-dirs',
    'disable',
    'next',
    'parallel',
    'tcp-nodelay',
    'http2-prior-knowledge',
  ],
])

interface Command {
  readonly urls: string[]
  readonly headers: RawPair[]
  readonly data: { readonly text: string; readonly kind: string }[]
  readonly parts: FormPart[]
  readonly auth: SeenAuth[]
  method: string | undefined
  asQuery: boolean
  isHead: boolean
  upload: boolean
}

function readCommand(
  options: readonly string[],
  place: string,
  notes: ImportNote[],
): readonly SeenRequest[] {
  const command: Command = {
    ...{ urls: [], headers: [], data: [], parts: [], auth: [] },
    ...{ method: undefined, asQuery: false, isHead: false, upload: false },
  }
  for (let index = 0; index < options.length; index++) {
    const option = options[index] ?? ''
    if (option.startsWith('--')) {
      const [name = '', inline] = split(option.slice(2))
      if (flags.has(name) || name.startsWith('no-')) take(command, name, '')
      else take(command, name, inline ?? options[++index] ?? '')
    } else if (option.startsWith('-') && option.length > 1)
      index += takeShort(command, option.slice(1), options[index + 1])
    else command.urls.push(option)
  }
  return command.urls.flatMap((url) => requestOf(command, url, place, notes) ?? [])
}

function split(option: string): readonly [string, string | undefined] {
  const at = option.indexOf('=')
  return at < 0 ? [option, undefined] : [option.slice(0, at), option.slice(at + 1)]
}

/** `-sSXPOST`: letters, the first that takes a value ends them. Gives how many further words were taken. */
function takeShort(command: Command, letters: string, next: string | undefined): number {
  for (let index = 0; index < letters.length; index++) {
    const letter = letters.charAt(index)
    const name = short[letter] ?? ''
    if (!shortWithValue.has(letter)) take(command, name, '')
    else {
      const rest = letters.slice(index + 1)
      take(command, name, rest === '' ? (next ?? '') : rest)
      return rest === '' ? 1 : 0
    }
  }
  return 0
}

function take(command: Command, name: string, value: string): void {
  switch (name) {
    case 'url':
      command.urls.push(value)
      break
    case 'request':
      command.method = value.toUpperCase()
      break
    case 'header': {
      const colon = value.indexOf(':')
      if (colon > 0)
        command.headers.push({
          name: value.slice(0, colon).trim(),
          value: value.slice(colon + 1).trim(),
        })
      break
    }
    case 'data':
    case 'data-raw':
    case 'data-ascii':
    case 'data-binary':
    case 'data-urlencode':
    case 'json':
      command.data.push({
        text: name === 'data-urlencode' ? escapedField(value) : value,
        kind: name,
      })
      break
    case 'form':
    case 'form-string':
      command.parts.push(partOf(value, name === 'form-string'))
      break
    case 'user':
      command.auth.push({ kind: 'basic' })
      break
    case 'oauth2-bearer':
      command.auth.push({ kind: 'bearer' })
      break
    case 'cert':
      command.auth.push({ kind: 'mutualTls' })
      break
    case 'cookie':
      command.headers.push({ name: 'Cookie', value: value.includes('=') ? value : 'cookies=' })
      break
    case 'get':
      command.asQuery = true
      break
    case 'head':
      command.isHead = true
      break
    case 'upload-file':
      command.upload = true
      break
    default:
    // Says nothing about the request.
  }
}

/** What `--data-urlencode` makes of `name=content`, `=content` and `name@file`, whose content nobody knows. */
function escapedField(text: string): string {
  const [, name = '', sign = '', content = ''] = /^([^=@]*)([=@])(.*)$/s.exec(text) ?? []
  if (sign === '') return encodeURIComponent(text)
  if (sign === '@') return name === '' ? text : `${name}=`
  return `${name}${name === '' ? '' : '='}${encodeURIComponent(content)}`
}

/** `name=content;type=image/png;filename=a.png`; of `--form-string` all is content. */
function partOf(text: string, isPlain: boolean): FormPart {
  const at = text.indexOf('=')
  const name = at < 0 ? text : text.slice(0, at)
  const whole = at < 0 ? '' : text.slice(at + 1)
  if (isPlain) return { name, value: whole, isFile: false }
  const [, quoted, bare = ''] = /^(?:"((?:[^"\\]|\\.)*)"|([^;]*))/s.exec(whole) ?? []
  const content = quoted ?? bare
  const options = whole.slice(quoted === undefined ? bare.length : quoted.length + 2)
  // What follows a semicolon belongs to the content, unless it is one of these.
  const [, mediaType] = /;\s*type=\s*"?([^;"]+)"?/i.exec(options) ?? []
  const isOption = /^(?:;\s*(?:type|filename|headers|encoder)=[^;]*)+$/i.test(options)
  const isFile = /^[@<]/.test(whole)
  return {
    name,
    value: isFile || isOption || options === '' ? content : whole.replace(/;\s*type=[^;]*$/i, ''),
    isFile,
    mediaType: mediaType?.trim(),
  }
}

function requestOf(
  command: Command,
  text: string,
  place: string,
  notes: ImportNote[],
): SeenRequest | undefined {
  const url = readUrl(text)
  if (url === undefined) {
    notes.push({ code: 'description_invalid', reason: 'The command has no usable URL.', place })
    return undefined
  }
  const asked = [...url.query, ...(command.asQuery ? fieldsOf(command) : [])]
  const headers = sortHeaders(command.headers, notes, place)
  const query = sortQuery(asked, notes, place)
  const own = [...command.auth, ...(url.hasUser ? [{ kind: 'basic' as const }] : [])]
  for (const auth of own) noteAuth(auth, notes, place)
  const body = command.asQuery ? undefined : bodyOf(command)
  const method =
    command.method ??
    (command.isHead ? 'HEAD' : command.upload ? 'PUT' : body === undefined ? 'GET' : 'POST')
  return {
    place,
    method: /^[A-Z]{1,20}$/.test(method) ? method : 'GET',
    origin: url.origin,
    path: url.path,
    pathValues: url.pathValues,
    query: query.values,
    headers: headers.values,
    auth: [...own, ...headers.auth, ...query.auth],
    body,
    answer: undefined,
    name: undefined,
    description: undefined,
  }
}

function fieldsOf({ data }: Command): readonly RawPair[] {
  return data.flatMap(({ text }) => pairsOf(text))
}

const formType = 'application/x-www-form-urlencoded'

/** `@file`, and `name@file` of what curl escapes itself, where the name is a field. */
function isFromFile({ text, kind }: Command['data'][number]): boolean {
  return text.startsWith('@') && kind !== 'data-raw'
}

function bodyOf(command: Command): SeenBody | undefined {
  const { data, parts, headers, upload } = command
  const named = headers.find(({ name }) => name.toLowerCase() === 'content-type')?.value
  if (parts.length > 0) return multipartBody(parts)
  if (upload)
    return {
      mediaType: named ?? 'application/octet-stream',
      schema: { type: 'string', format: 'binary' },
    }
  if (data.length === 0) return undefined
  const isJson = data.some(({ kind }) => kind === 'json')
  const mediaType = named ?? (isJson ? 'application/json' : formType)
  // A file would be read here; what is in it, nobody knows.
  if (data.some(isFromFile)) {
    if (bareType(mediaType).endsWith('json')) return { mediaType, schema: {} }
    const isRaw = named === undefined && data.every(({ kind }) => kind === 'data-binary')
    return bareType(mediaType) === formType && !isRaw
      ? formBody(
          data.filter((part) => !isFromFile(part)).flatMap(({ text }) => pairsOf(text)),
          true,
        )
      : {
          mediaType: isRaw ? 'application/octet-stream' : mediaType,
          schema: { type: 'string', format: 'binary' },
        }
  }
  const text = data.map((part) => part.text).join(isJson ? '' : '&')
  // People forget the header: what begins like JSON is JSON.
  const meant = named === undefined && /^\s*[[{]/.test(text) ? 'application/json' : mediaType
  return sampleBody(text, meant)
}
