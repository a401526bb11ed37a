/** What an API says when it says no, as a sentence that a model can act on. */
import { STATUS_CODES } from 'node:http'
import type { RestPlan } from '../../../model/kinds/openapi.ts'

export interface Refused {
  readonly plan: RestPlan
  readonly status: number
  readonly mediaType: string
  /** Decoded. */
  readonly text: string
  /** As text; undefined when the API sent none that can be read. */
  readonly retryAfter: string | undefined
  /** Whether a credential went with the request. */
  readonly presented: boolean
}

const messageCharsMax = 1_000
const bodyCharsMax = 4_000
const problemsMax = 20
const scannedCharsMax = 1_000_000

/** Status, the API's own message, which argument, and what to do about it; then the answer itself, cut. */
export function explain(refused: Refused): string {
  const { plan, status, text } = refused
  const phrase = STATUS_CODES[status]
  const title = `The API answered ${status}${phrase === undefined ? '' : ` ${phrase}`} to ${plan.method} ${plan.path}`
  const value = jsonOf(text)
  const message = (value === undefined ? plainMessage(refused) : messageOf(value)).slice(
    0,
    messageCharsMax,
  )
  const lines = [message === '' ? `${title}.` : `${title}: ${message}`]
  const problems = value === undefined ? [] : problemsOf(value, plan)
  lines.push(...problems.slice(0, problemsMax).map((problem) => `- ${problem}`))
  const advice = adviceFor(refused)
  if (advice !== undefined) lines.push(advice)
  if (value !== undefined && typeof value === 'object' && text.length > message.length + 40)
    lines.push(
      text.length > bodyCharsMax
        ? `The beginning of its answer: ${text.slice(0, bodyCharsMax)}`
        : `Its answer: ${text}`,
    )
  return lines.join('\n')
}

function adviceFor({ status, retryAfter, presented, plan }: Refused): string | undefined {
  const wait = retryAfter === undefined ? '' : ` The API asks to wait: ${retryAfter}.`
  if (status === 401)
    return presented
      ? 'It does not accept the credential that is configured for this server. No argument can mend that: an operator must set a valid credential; "sallyport doctor" says which server.'
      : `It wants a credential, and none ${plan.security.length === 0 ? 'is' : `(${plan.security.map((all) => all.join(' + ') || 'none').join(' or ')}) is`} configured for this server. An operator must set one under credential; "sallyport doctor" says which server.`
  if (status === 403)
    return presented
      ? 'The credential that is configured for this server may not do this, or may not do it to this object. Other arguments may work; else an operator must give it more rights.'
      : 'No credential is configured for this server; an operator can set one under credential.'
  if (status === 429)
    return `Too many requests.${wait === '' ? ' Wait before the next try.' : wait}`
  if (status === 408 || status === 503 || status === 502 || status === 504)
    return `This may pass.${wait === '' ? ' Try again later.' : wait}`
  return wait === '' ? undefined : wait.trim()
}

function jsonOf(text: string): unknown {
  const first = text.trimStart().charCodeAt(0)
  if ((first !== 0x7b && first !== 0x5b && first !== 0x22) || text.length > scannedCharsMax)
    return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A page of a proxy says something in its title only. */
function plainMessage({ mediaType, text }: Refused): string {
  if (!/html/i.test(mediaType) && !/^\s*<(?:!doctype html|html)/i.test(text))
    return text.trim().slice(0, messageCharsMax)
  const start = text.slice(0, 20_000)
  const title =
    /<title[^>]*>([^<]{1,300})/i.exec(start)?.[1] ?? /<h1[^>]*>([^<]{1,300})/i.exec(start)?.[1]
  return title === undefined ? 'a web page' : title.replace(/\s+/g, ' ').trim()
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const said = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value).trim() : ''

/** Problem details (RFC 9457), and the forms that APIs have had before it. */
function messageOf(value: unknown, depth = 0): string {
  if (!isRecord(value) || depth > 3) return said(value)
  const { title, detail } = value
  if (said(detail) !== '')
    return said(title) === '' ? said(detail) : `${said(title)}: ${said(detail)}`
  for (const key of [
    'message',
    'Message',
    'error_description',
    'errorMessage',
    'error_message',
    'msg',
    'description',
    'reason',
    'fault',
    'error',
    'Error',
    'errors',
    'title',
    'detail',
  ]) {
    const inner = value[key]
    const text = Array.isArray(inner)
      ? inner
          .slice(0, 5)
          .map((one) => messageOf(one, depth + 1))
          .filter((one) => one !== '')
          .join('; ')
      : messageOf(inner, depth + 1)
    if (text !== '') return text
  }
  return ''
}

/** Lists in which APIs name what is wrong with which field. */
const listKeys = [
  'errors',
  'details',
  'invalid-params',
  'invalid_params',
  'invalidParams',
  'violations',
  'validation',
  'fields',
  'detail',
  'fieldErrors',
]
const placeKeys = [
  'argument',
  'field',
  'param',
  'parameter',
  'name',
  'property',
  'path',
  'location',
  'loc',
  'pointer',
  'instancePath',
  'dataPath',
  'source',
  'attribute',
  'target',
  'key',
]

function problemsOf(value: unknown, plan: RestPlan): readonly string[] {
  const holder = isRecord(value) && isRecord(value['error']) ? value['error'] : value
  const lists = isRecord(holder) ? listKeys.map((key) => holder[key]) : [holder]
  const found = new Set<string>()
  for (const list of lists) {
    if (isRecord(list))
      for (const [field, problem] of Object.entries(list).slice(0, problemsMax))
        add(
          found,
          plan,
          field,
          Array.isArray(problem)
            ? problem.map((one) => messageOf(one)).join('; ')
            : messageOf(problem),
        )
    if (!Array.isArray(list)) continue
    for (const entry of list.slice(0, problemsMax))
      if (isRecord(entry)) add(found, plan, placeOf(entry), messageOf(entry))
  }
  const single = isRecord(holder) ? said(holder['param']) : ''
  if (single !== '') add(found, plan, single, messageOf(holder))
  return [...found]
}

function add(found: Set<string>, plan: RestPlan, place: string, message: string): void {
  if (place === '' || message === '') return
  const argument = argumentOf(plan, place)
  found.add(argument === undefined ? `${place}: ${message}` : `argument ${argument}: ${message}`)
}

function placeOf(entry: Readonly<Record<string, unknown>>): string {
  for (const key of placeKeys) {
    const place = entry[key]
    if (Array.isArray(place)) return place.map(said).join('.')
    if (isRecord(place))
      return said(place['pointer']) || said(place['parameter']) || said(place['header'])
    if (said(place) !== '') return said(place)
  }
  return ''
}

/** The argument whose wire name stands in a place such as `/data/name`, `body.name` or `query.limit`. */
function argumentOf(plan: RestPlan, place: string): string | undefined {
  const steps = place.split(/[/.[\]#]+/).filter((step) => step !== '')
  const from = plan.body?.from
  const properties = from?.kind === 'arguments' ? from.properties : {}
  for (const step of steps) {
    const parameter = plan.parameters.find(({ name }) => name === step)
    if (parameter !== undefined) return parameter.argument
    if (Object.hasOwn(properties, step)) return properties[step]
  }
  return from?.kind === 'argument' && /^(?:#|body|\/)/.test(place) ? from.argument : undefined
}
