/** What a text is a description of, told by its content; names of files only settle what content leaves open. */
import { type JsonMember, scanObject } from '../kit/json-scan.ts'
import type { Document } from '../model/conversion.ts'
import type { Recognisable, Recognition, Sample } from './kind.ts'

export interface Detected<Name extends string> {
  readonly kind: Name
  /** For people, e.g. `a Postman collection`. */
  readonly what: string
}

/** Formats tell themselves within their first lines; JSON is scanned as a whole. */
const headLength = 65_536

/** Undefined when no kind reads it. */
export function detect<Name extends string>(
  kinds: readonly Recognisable<Name>[],
  { text, base64, location }: Document,
): Detected<Name> | undefined {
  if (base64 === true) {
    const bytes = Buffer.from(text.slice(0, 64), 'base64')
    return first(kinds, ({ ofBytes }) => ofBytes?.(bytes, location))
  }
  const sample = sampleOf(kinds, text, location)
  return first(kinds, ({ ofText }) => ofText(sample))
}

/** What an address tells by its form alone, before anything is read. */
export function detectAddress<Name extends string>(
  kinds: readonly Recognisable<Name>[],
  source: string,
): Detected<Name> | undefined {
  return first(kinds, ({ ofAddress }) => ofAddress?.(source))
}

function first<Name extends string>(
  kinds: readonly Recognisable<Name>[],
  look: (recognition: Recognition) => string | undefined,
): Detected<Name> | undefined {
  for (const { name, recognition } of kinds) {
    const what = look(recognition)
    if (what !== undefined) return { kind: name, what }
  }
  return undefined
}

function sampleOf(kinds: readonly Recognisable<string>[], text: string, location: string): Sample {
  const head = text.slice(0, headLength).trimStart()
  const names = kinds.flatMap(({ recognition }) => recognition.names ?? [])
  const common = { head, text, location, members: [] }
  if (head.startsWith('<')) return { ...common, form: 'xml', named: undefined }
  if (!head.startsWith('{') && !head.startsWith('[')) {
    const yaml = new RegExp(`^["']?(${names.join('|')})["']?[ \\t]*:[ \\t]`, 'm')
    return { ...common, form: 'other', named: yaml.exec(head)?.[1] }
  }
  const members = membersOf(kinds, text)
  if (members !== undefined)
    return {
      ...common,
      form: 'json',
      members,
      named: names.find((name) => members.some(({ key }) => key === name)),
    }
  // Broken, but of a kind: its converter says what is wrong and where.
  const broken = new RegExp(`"(${names.join('|')})"\\s*:\\s*"`)
  return { ...common, form: 'json', named: broken.exec(text.slice(0, headLength))?.[1] }
}

/** Undefined when it is broken. Only the places of members are kept. */
function membersOf(
  kinds: readonly Recognisable<string>[],
  text: string,
): readonly JsonMember[] | undefined {
  const inside = kinds.flatMap(({ recognition }) => recognition.inside ?? [])
  const collect = Object.fromEntries(inside.map((name) => [name, {}]))
  try {
    return scanObject(text, collect, { depthMax: 1_000, refuseDuplicates: false })
  } catch {
    return undefined
  }
}
