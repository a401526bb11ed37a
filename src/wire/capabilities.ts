import { isObjectText, type JsonMember, scanObject, stringValue } from '../kit/json-scan.ts'
import { ownText } from '../kit/own-text.ts'
import type { Capabilities } from '../model/call.ts'
import { extensionsIn } from '../model/extensions.ts'
import { GatewayError } from '../model/refusal.ts'

/** They are kept for as long as a session lasts. */
const charsMax = 8_192

/**
 * What a caller can be asked, read from its raw capabilities object; malformed parts count as absent.
 * @throws GatewayError params_invalid when it is too long
 */
export function readCapabilities(given: string): Capabilities {
  const cached = recent.get(given)
  if (cached !== undefined) return cached
  if (given.length > charsMax)
    throw new GatewayError('params_invalid', {
      hint: `The capabilities of a client have at most ${charsMax} characters.`,
    })
  // What is kept must not keep the message that it was cut from.
  const raw = ownText(given)
  const members = scanObject(
    raw,
    { elicitation: {}, sampling: {}, roots: {}, extensions: {} },
    { depthMax: 64, refuseDuplicates: false },
  )
  const find = (key: string) => members.find((member) => member.key === key)
  const isObject = (key: string) => {
    const member = find(key)
    return member !== undefined && isObjectText(raw.slice(member.start, member.end))
  }
  const elicitation = find('elicitation')
  const modes = elicitation?.members?.map((member) => member.key) ?? []
  const capabilities: Capabilities = {
    raw,
    bare: bareText(raw, members),
    pooled: pooledText(members),
    // An empty object means form mode (MCP 2025-11-25, client/elicitation).
    elicitation: isObject('elicitation') && (modes.includes('form') || !modes.includes('url')),
    elicitationUrl: modes.includes('url'),
    sampling: isObject('sampling'),
    roots: isObject('roots'),
    extensions: extensionsIn(raw, members),
  }
  if (recent.size >= 256) recent.clear()
  recent.set(raw, capabilities)
  return capabilities
}

// Callers send the same few objects again and again; bounded above.
const recent = new Map<string, Capabilities>()

/** Members of a capability that servers act on; any other text of a client would make a session of its own. */
const knownParts: Readonly<Record<string, readonly string[]>> = {
  elicitation: ['form', 'url'],
  sampling: ['tools', 'context'],
  roots: ['listChanged'],
}

function pooledText(members: readonly JsonMember[]): string {
  const parts: string[] = []
  for (const [name, known] of Object.entries(knownParts)) {
    const given = members.find((member) => member.key === name)?.members
    if (given === undefined) continue
    const inner = known.filter((key) => given.some((member) => member.key === key))
    parts.push(
      `"${name}":{${inner.map((key) => (key === 'listChanged' ? '"listChanged":true' : `"${key}":{}`)).join(',')}}`,
    )
  }
  return `{${parts.join(',')}}`
}

/** Without its extensions: the same text where it has none. */
function bareText(raw: string, members: readonly JsonMember[]): string {
  const kept = members.filter((member) => member.key !== 'extensions')
  if (kept.length === members.length) return raw
  return `{${kept.map((member) => raw.slice(member.keyStart, member.end)).join(',')}}`
}

const logLevels = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
] as const

/** The log level that a raw value names, or undefined. */
export function readLogLevel(raw: string | undefined): string | undefined {
  const level = stringValue(raw)
  return level !== undefined && logLevels.some((known) => known === level) ? level : undefined
}
