/** Answers of GraphQL services (GraphQL specification, section 7) to results of tools. `data` keeps its bytes. */
import { isUtf8 } from 'node:buffer'
import { JsonFault, scanObject } from '../../../kit/json-scan.ts'
import { GatewayError } from '../../../model/refusal.ts'
import { type Extra, jsonAnswer, textAnswer } from '../../api/answer.ts'
import type { Answer } from '../../api/executor.ts'
import type { HttpAnswer } from '../../api/http-exchange.ts'

const depthMax = 200
const errorsMax = 20
const messageCharsMax = 1_000
const excerptCharsMax = 500
const credentialRefused =
  'The API does not accept the credential that is configured for it, or wants one; an operator must set a valid credential for this server.'

/** The three members of an execution result, as raw JSON in latin1 of its UTF-8 bytes. */
export interface ExecutionResult {
  readonly data: Buffer | undefined
  readonly errors: readonly GraphqlError[]
  readonly extensions: Buffer | undefined
}

export interface GraphqlError {
  readonly message: string
  readonly path: string | undefined
  readonly code: string | undefined
  /** Which argument it is about, where it can be told. */
  readonly argument: string | undefined
}

/** The execution result in a body; undefined when it is none. */
export function readResult(body: Buffer): ExecutionResult | undefined {
  if (!isUtf8(body)) return undefined
  try {
    const members = scanObject(body.toString('latin1'), {}, { depthMax, refuseDuplicates: false })
    const raw = (key: string): Buffer | undefined => {
      const member = members.findLast((candidate) => candidate.key === key)
      return member === undefined ? undefined : body.subarray(member.start, member.end)
    }
    const data = raw('data')
    const errors = raw('errors')
    if (data === undefined && errors === undefined) return undefined
    const extensions = raw('extensions')
    return {
      data: isNull(data) ? undefined : data,
      errors: errors === undefined ? [] : readErrors(JSON.parse(errors.toString('utf8'))),
      extensions: isNull(extensions) ? undefined : extensions,
    }
  } catch (thrown) {
    if (thrown instanceof JsonFault) return undefined
    throw thrown
  }
}

const isNull = (raw: Buffer | undefined): boolean => raw === undefined || raw.equals(nothing)
const nothing = Buffer.from('null')

/** Errors as they were parsed; what is no error of section 7.1.2 is told as text. */
export function readErrors(value: unknown): readonly GraphqlError[] {
  if (!Array.isArray(value)) return []
  return value.slice(0, errorsMax).map((entry: unknown) => {
    const message = text(member(entry, 'message')) ?? JSON.stringify(entry) ?? 'unknown'
    const extensions = member(entry, 'extensions')
    const path = member(entry, 'path')
    const code = text(member(extensions, 'code')) ?? text(member(entry, 'type'))
    return {
      message: message.slice(0, messageCharsMax),
      path: Array.isArray(path) ? path.slice(0, 50).join('.').slice(0, 200) : undefined,
      code: code?.slice(0, 100),
      argument: argumentOf(message, extensions),
    }
  })
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null
    ? Object.getOwnPropertyDescriptor(value, key)?.value
    : undefined
}

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/** Arguments are variables of the same name, so a server that names the variable names the argument. */
function argumentOf(message: string, extensions: unknown): string | undefined {
  const told =
    text(member(extensions, 'argumentName')) ?? text(member(extensions, 'variable')) ?? undefined
  return told?.slice(0, 100) ?? /\$([_A-Za-z]\w{0,99})/.exec(message)?.[1]
}

/** The answer of a call. @throws GatewayError server_broken, server_refused_us */
export function answerOf(http: HttpAnswer): Answer {
  const result = readResult(http.body)
  if (result === undefined) return withoutResult(http)
  const { data, errors, extensions } = result
  const extra: Extra = extensions === undefined ? {} : { meta: metaOf(extensions) }
  if (data === undefined || (errors.length > 0 && isEmpty(data.toString('latin1')))) {
    const sentence = errors.length === 0 ? 'The API answered without data.' : tell(errors)
    const notes = http.status === 401 ? [credentialRefused] : []
    return textAnswer(sentence, true, { ...extra, notes })
  }
  // Section 7.1.2: data beside errors is what could be had.
  const notes = errors.length === 0 ? [] : [`Only a part could be answered. ${tell(errors)}`]
  return jsonAnswer(data, false, { ...extra, notes })
}

/** Whether every member of `data`, raw JSON, is null. */
export function isEmpty(data: string): boolean {
  const members = scanObject(data, {}, { depthMax, refuseDuplicates: false })
  return members.every(({ start, end }) => data.slice(start, end) === 'null')
}

/** `extensions` of an answer, kept for whoever knows them. */
function metaOf(extensions: Buffer): Buffer {
  return Buffer.concat([Buffer.from('{"graphql/extensions":'), extensions, Buffer.from('}')])
}

/** Errors as sentences: code, message, where in the answer, and which argument. */
export function tell(errors: readonly GraphqlError[]): string {
  const lines = errors.map(({ message, path, code, argument }) => {
    const where = [
      path === undefined || path === '' ? undefined : `at ${path}`,
      argument === undefined ? undefined : `argument ${argument}`,
    ].filter((part) => part !== undefined)
    const place = where.length === 0 ? '' : ` (${where.join(', ')})`
    return `${code === undefined ? '' : `${code}: `}${message}${place}`
  })
  return lines.length === 1
    ? `The API answered with an error: ${lines[0]}`
    : `The API answered with ${lines.length} errors:\n${lines.map((line) => `- ${line}`).join('\n')}`
}

/** What an answer without a result means for a server; where it says no itself, `withoutResult` tells its words. */
export function answerFault({ status }: Pick<HttpAnswer, 'status'>): GatewayError {
  if (status === 401 || status === 403)
    return new GatewayError('server_refused_us', { detail: `the API answered with HTTP ${status}` })
  return new GatewayError('server_broken', {
    detail: `the answer is no GraphQL result (HTTP status ${status})`,
  })
}

function withoutResult({ status, headers, body }: HttpAnswer): Answer {
  if (status === 401 || status < 300) throw answerFault({ status })
  const { location } = headers
  const words = isUtf8(body) ? body.toString('utf8').slice(0, excerptCharsMax).trim() : ''
  const target =
    status < 400 && typeof location === 'string'
      ? ` It points to ${location.slice(0, 200)}, which is not followed.`
      : ''
  return textAnswer(
    `The API answered with HTTP status ${status}.${target}${words === '' ? '' : `\n${words}`}`,
    true,
  )
}
