/** Names of operations before they are made unique: from the `operationId` when it reads well, else from the path. */

import { snake } from '../../../kit/snake.ts'
import { textAt } from '../../document/json.ts'
import type { Operation } from './operation.ts'

const idCharsMax = 150

/** Candidates, the most readable first; each depends on the operation alone, so that names stay when others go. */
export function nameCandidates({ method, path, spot }: Operation): readonly string[] {
  const byPath = snake(`${method.toLowerCase()} ${pathWords(path)}`)
  const full = snake(`${method.toLowerCase()} ${path}`)
  const written = textAt(spot.value, 'operationId')
  if (written === undefined) return [byPath, full]
  const id = withoutMethod(written)
  const name = snake(id)
  return readsWell(id, name) ? [withoutRoute(name, method, path), name, full] : [byPath, full]
}

/** The id as a sentence: `updateApplication` as "Update application"; undefined when no person wrote it. */
export function wordsOfId({ method, path, spot }: Operation): string | undefined {
  const id = withoutMethod(textAt(spot.value, 'operationId') ?? '')
  const name = snake(id)
  if (!readsWell(id, name)) return undefined
  const words = withoutRoute(name, method, path).replaceAll('_', ' ')
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`
}

/** `GET_ListDomains` and `POST_ListDomains`, as descriptions of AWS have them, are one action by two methods. */
export function withoutMethod(id: string): string {
  return id.replace(/^(?:GET|POST)_(?=[A-Z][a-z])/, '')
}

/** Words of letters, not too many, perhaps in a group (`repos/list`); no path, no address, no number of a generator. */
function readsWell(id: string, name: string): boolean {
  return (
    id.length <= idCharsMax &&
    !/[{}?]|^\/|\/[^/]*\/|^https?:/.test(id) &&
    /[a-z]{2}/.test(name) &&
    !/[0-9a-f]{12}|\d{6}/.test(name) &&
    !/^(operation|op|method|api|endpoint|get|put|post|patch|delete)_?\d*$/.test(name)
  )
}

/** FastAPI writes `list_pets_api_v1_pets_get`: the function's name, the path, the method. */
function withoutRoute(name: string, method: string, path: string): string {
  const route = snake(`${path} ${method.toLowerCase()}`)
  const head = name.endsWith(`_${route}`) ? name.slice(0, -route.length - 1) : name
  return head.length >= 3 ? head : name
}

/** `/api/v1/users/{id}/posts` as `users id posts`: what every path starts with says nothing. */
function pathWords(path: string): string {
  const bare = path.replace(/[?#].*$/s, '').replace(/^\/(?:api\/)?(?:v1\/)?/, '')
  const words = bare.replaceAll(/\{([^{}]*)\}/g, (_, name: string) =>
    bare.endsWith(`{${name}}`) ? ` by ${name} ` : ` ${name} `,
  )
  const rest = /[?#]/.test(path) ? path.replace(/^[^?#]*/, '') : ''
  return /[a-z0-9]/i.test(words + rest) ? `${words} ${rest}` : 'root'
}
