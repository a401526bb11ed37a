import {
  type Collect,
  isObjectText,
  type JsonMember,
  scanObject,
  stringValue,
} from '../kit/json-scan.ts'

/** All members of all objects. */
const everywhere: { [key: string]: Collect } = {}
everywhere['*'] = everywhere
everywhere['[]'] = everywhere

/** What becomes of a member whose value is a text: another text, or undefined to leave it out. */
export type EditText = (key: string, value: string) => string | undefined

/** A schema with its members that are texts edited, at any depth; everything else keeps its bytes. */
export function editTexts(raw: string, edit: EditText): string {
  if (!isObjectText(raw)) return raw
  const members = scanObject(raw, everywhere, { depthMax: 512, refuseDuplicates: false })
  return objectOf(raw, members, edit)
}

function objectOf(raw: string, members: readonly JsonMember[], edit: EditText): string {
  const parts = members.flatMap((member): string[] => {
    const text = stringValue(raw.slice(member.start, member.end))
    if (text === undefined)
      return [raw.slice(member.keyStart, member.start) + valueText(raw, member, edit)]
    const edited = edit(member.key, text)
    if (edited === text) return [raw.slice(member.keyStart, member.end)]
    return edited === undefined ? [] : [`${JSON.stringify(member.key)}:${JSON.stringify(edited)}`]
  })
  return `{${parts.join(',')}}`
}

function valueText(raw: string, { start, end, members }: JsonMember, edit: EditText): string {
  if (members === undefined || members.length === 0) return raw.slice(start, end)
  if (raw.charCodeAt(start) === 0x7b) return objectOf(raw, members, edit)
  return `[${members.map((member) => valueText(raw, member, edit)).join(',')}]`
}
