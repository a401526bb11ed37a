/** Faults of SOAP 1.1 (section 4.4) and 1.2 (part 1, section 5.4) as a text that a model can act on. */
import type { XmlElement } from '../../../kit/xml.ts'
import type { SoapCommon, SoapPlan } from '../../../model/kinds/soap.ts'
import { freeValue, XmlReader } from './read.ts'

const detailCharactersMax = 8_000

export interface Fault {
  /** Codes, from the general to the special one. */
  readonly codes: readonly string[]
  readonly reason: string
  /** Who raised it, when that is said. */
  readonly actor: string | undefined
  readonly detail: XmlElement | undefined
}

const child = (node: XmlElement | undefined, local: string): XmlElement | undefined =>
  node?.children.find((one) => one.local.toLowerCase() === local.toLowerCase())

const textOf = (node: XmlElement | undefined): string | undefined => {
  const text = node?.text.trim()
  return text === '' ? undefined : text
}

/** The fault in a body; undefined when there is none. */
export function faultOf(body: XmlElement, envelopeNamespace: string): Fault | undefined {
  const fault = body.children.find(
    ({ local, namespace }) => local === 'Fault' && namespace === envelopeNamespace,
  )
  if (fault === undefined) return undefined
  const codes: string[] = []
  for (
    let code = child(fault, 'Code');
    code !== undefined && codes.length < 10;
    code = child(code, 'Subcode')
  ) {
    const value = textOf(child(code, 'Value'))
    if (value !== undefined) codes.push(value)
  }
  const code = textOf(child(fault, 'faultcode'))
  const reasons = child(fault, 'Reason')?.children ?? []
  const english = reasons.find(({ attributes }) =>
    attributes.some(({ local, value }) => local === 'lang' && value.startsWith('en')),
  )
  return {
    codes: codes.length > 0 ? codes : code === undefined ? [] : [code],
    reason: textOf(english ?? reasons[0]) ?? textOf(child(fault, 'faultstring')) ?? '',
    actor:
      textOf(child(fault, 'faultactor')) ??
      textOf(child(fault, 'Role')) ??
      textOf(child(fault, 'Node')),
    detail: child(fault, 'detail'),
  }
}

/** The service's own words first, then its code, then the detail as JSON. */
export function faultText(
  { codes, reason, actor, detail }: Fault,
  {
    plan,
    common,
    status,
    body,
  }: { plan: SoapPlan; common: SoapCommon; status: number; body: XmlElement },
): string {
  const plain = codes.map((code) => code.replace(/^[^:]*:/, ''))
  const lines = [
    `The service answered with a fault: ${reason === '' ? 'it gives no reason' : reason}`,
    `Code: ${plain.length === 0 ? 'none' : plain.join(' / ')} (HTTP ${status})`,
    ...(actor === undefined ? [] : [`Raised by: ${actor}`]),
  ]
  if (detail !== undefined && (detail.children.length > 0 || detail.text.trim() !== '')) {
    const json = JSON.stringify(detailOf(detail, plan, new XmlReader(common.types, body)))
    lines.push(
      `Detail: ${json.length > detailCharactersMax ? `${json.slice(0, detailCharactersMax)}\u2026` : json}`,
    )
  }
  const advice = adviceFor(codes)
  return [...lines, ...(advice === undefined ? [] : [advice])].join('\n')
}

function detailOf(detail: XmlElement, plan: SoapPlan, reader: XmlReader): unknown {
  if (detail.children.length === 0) return detail.text.trim()
  return Object.fromEntries(
    detail.children.map((node) => {
      const known = plan.faults.find(
        ({ name }) =>
          name.local === node.local && (name.namespace === node.namespace || name.namespace === ''),
      )
      return [
        node.local,
        known === undefined ? freeValue(node) : reader.element(node, known.type, 0),
      ]
    }),
  )
}

function adviceFor(codes: readonly string[]): string | undefined {
  const has = (pattern: RegExp): boolean => codes.some((code) => pattern.test(code))
  if (has(/FailedAuthentication|FailedCheck|InvalidSecurity|SecurityToken/))
    return 'The service does not accept the credential that is configured for it. No argument can mend that: an operator must set soap.security or credential of this server.'
  if (has(/(?:^|:)(?:Client|Sender)\b/))
    return 'The service holds the arguments for wrong: correct them as it says, and call again.'
  if (has(/(?:^|:)(?:Server|Receiver)\b/))
    return 'The service failed at its side; the same call may work later.'
  return undefined
}
