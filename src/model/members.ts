/**
 * One member of a JSON object, kept as raw text so that its value is never re-serialised.
 * `key` is decoded; `raw` is the value's exact JSON text.
 */
export interface Member {
  readonly key: string
  readonly raw: string
}

/** The members of one JSON object in their order. Keys are unique. */
export type Members = readonly Member[]

/** The raw value of a member, or undefined. */
export function rawOf(members: Members, key: string): string | undefined {
  for (const member of members) if (member.key === key) return member.raw
  return undefined
}

/** JSON text of an object from its raw members. */
export function objectText(members: Members): string {
  let text = '{'
  for (let i = 0; i < members.length; i++) {
    const member = members[i] as Member
    text += `${i === 0 ? '' : ','}${JSON.stringify(member.key)}:${member.raw}`
  }
  return `${text}}`
}
