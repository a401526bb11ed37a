/** Where in results stands what an endpoint rewrites; the same for results that are whole and for those that arrive in pieces. */
import type { JsonMember } from '../kit/json-scan.ts'

/** Members that lead to a place, by key; `'[]'` stands for the elements of an array. It is a `Collect` of `scanObject`, too. */
export interface Places {
  readonly [key: string]: Places
}

/** The value itself. */
const here: Places = {}

const block: Places = { uri: here, resource: { uri: here } }
const content: Places = { '[]': block }

/** URIs that name a resource of the server. */
export const uriPlaces: Places = {
  content,
  contents: { '[]': { uri: here } },
  messages: { '[]': { content: { ...block, '[]': block } } },
  // Results of tasks, and of the skills extension.
  result: { content },
  skill: { uri: here, resources: { '[]': { uri: here } } },
  resources: { '[]': { uri: here } },
}

/** Ids of tasks (tasks extension; core tasks of 2025-11-25 nest them). */
export const taskPlaces: Places = {
  taskId: here,
  task: { taskId: here },
  _meta: { 'io.modelcontextprotocol/related-task': { taskId: here } },
}

/** The values that stand at such places, of members that were collected by them. */
export function membersAt(
  places: Places,
  members: readonly JsonMember[],
  found: JsonMember[] = [],
): readonly JsonMember[] {
  for (const member of members) {
    const inner = stepTo(places, member.key)
    if (inner === here) found.push(member)
    else if (inner !== undefined && member.members !== undefined)
      membersAt(inner, member.members, found)
  }
  return found
}

/** Whether a value under these keys, outermost first, stands at such a place. */
export function isAt(places: Places, path: readonly { readonly key: string }[]): boolean {
  let at: Places | undefined = places
  for (const { key } of path) {
    at = stepTo(at, key)
    if (at === undefined) return false
  }
  return at === here
}

/** Compared as they are: a key that was just sliced would have to be hashed first. */
function stepTo(places: Places, key: string): Places | undefined {
  for (const name in places) if (name === key) return places[name]
  return undefined
}

/** Scheme of MCP Apps, which hosts look for at the start of a URI; a server's name goes behind it. */
export const appScheme = 'ui://'
