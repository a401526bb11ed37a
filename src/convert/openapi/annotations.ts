/** Hints of MCP on what a tool does, by the semantics of its method (RFC 9110 section 9.2) and its name. */
import type { ToolAnnotations } from '../../model/conversion.ts'
import { textAt } from './json.ts'
import { snake } from './operation-name.ts'
import type { Operation } from './operations.ts'
import { plainLine } from './text.ts'

const destroying = new Set([
  ...['delete', 'remove', 'destroy', 'purge', 'erase', 'wipe', 'drop', 'clear', 'revoke'],
  ...['cancel', 'terminate', 'kill', 'uninstall', 'unpublish', 'detach', 'disconnect', 'expunge'],
  ...['deactivate', 'disable', 'reset', 'void', 'trash', 'truncate', 'discard', 'reject', 'ban'],
])
const changing = new Set([
  ...['create', 'update', 'add', 'set', 'send', 'save', 'insert', 'post', 'put', 'patch', 'write'],
  ...['start', 'stop', 'restart', 'enable', 'execute', 'trigger', 'move', 'rename', 'upload'],
])
const titleCharsMax = 100

const reading = new Set([
  ...['get', 'list', 'read', 'fetch', 'find', 'search', 'show', 'retrieve', 'query', 'check'],
  ...['count', 'describe', 'lookup', 'view', 'download', 'export', 'validate', 'preview'],
])
const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS', 'QUERY'])

export function annotationsOf(operation: Operation): ToolAnnotations {
  const { method, spot } = operation
  const title = plainLine(textAt(spot.value, 'summary') ?? '', titleCharsMax)
  return { ...(title === '' ? {} : { title }), ...hints(method, verbOf(operation)) }
}

function hints(method: string, verb: string | undefined): ToolAnnotations {
  const destroys = verb !== undefined && destroying.has(verb)
  if (safeMethods.has(method)) {
    // APIs of the older kind do everything by GET: `GET /deleteUser`.
    if (destroys) return { readOnlyHint: false, destructiveHint: true }
    if (verb !== undefined && changing.has(verb)) return { readOnlyHint: false }
    return { readOnlyHint: true }
  }
  // PUT replaces what is there.
  if (method === 'DELETE' || method === 'PUT')
    return { readOnlyHint: false, destructiveHint: true, idempotentHint: true }
  if (method === 'POST' || method === 'PATCH')
    return { readOnlyHint: false, destructiveHint: destroys }
  return { readOnlyHint: false }
}

/** The first word that is a verb we know: of the id, else the one that the summary begins with, else of the path. */
function verbOf({ method, path, spot }: Operation): string | undefined {
  const known = (word: string): boolean =>
    destroying.has(word) || changing.has(word) || (safeMethods.has(method) && reading.has(word))
  const id = snake(textAt(spot.value, 'operationId') ?? '').split('_')
  // `post-deleteUser` begins with its method, which says nothing more.
  const own = id[0] === method.toLowerCase() ? id.slice(1) : id
  const part = path
    .replace(/[?#].*$/s, '')
    .split('/')
    .findLast((entry) => entry !== '' && !entry.startsWith('{'))
  const [first = ''] = snake(textAt(spot.value, 'summary') ?? '').split('_')
  // `Deletes a user` begins with `delete`.
  const lead = first.replace(/(?<=[^s])s$/, '')
  return (
    own.find(known) ??
    [lead].find(known) ??
    snake(part ?? '')
      .split('_')
      .find(known)
  )
}
