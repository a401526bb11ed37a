/** Hints of MCP on what a tool does, by the semantics of its method (RFC 9110 section 9.2) and its name. */

import { snake } from '../../../kit/snake.ts'
import type { ToolAnnotations } from '../../../model/conversion.ts'
import { textAt } from '../../document/json.ts'
import { plainLine } from '../../text.ts'
import { type Effect, effectOf, plainVerb } from '../../verbs.ts'
import type { Operation } from './operation.ts'
import { withoutMethod } from './operation-name.ts'

const titleCharsMax = 100

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS', 'QUERY'])

export function annotationsOf(operation: Operation): ToolAnnotations {
  const title = plainLine(textAt(operation.spot.value, 'summary') ?? '', titleCharsMax)
  return { ...(title === '' ? {} : { title }), ...hints(operation) }
}

function hints(operation: Operation): ToolAnnotations {
  const { method, spot } = operation
  const id = textAt(spot.value, 'operationId') ?? ''
  const effect = effectOfOperation(operation)
  const destructiveHint = effect === 'destroys'
  // `GET_RebootInstances`: an action, whatever the method.
  if (withoutMethod(id) !== id)
    return effect === 'reads' ? { readOnlyHint: true } : { readOnlyHint: false, destructiveHint }
  if (safeMethods.has(method)) {
    // APIs of the older kind do everything by GET: `GET /deleteUser`.
    if (destructiveHint) return { readOnlyHint: false, destructiveHint }
    return { readOnlyHint: effect === undefined || effect === 'reads' }
  }
  // PUT replaces what is there.
  if (method === 'DELETE' || method === 'PUT')
    return { readOnlyHint: false, destructiveHint: true, idempotentHint: true }
  if (method === 'POST' || method === 'PATCH') return { readOnlyHint: false, destructiveHint }
  return { readOnlyHint: false }
}

/** By the id, else by the verb that the summary begins with, else by the last word of the path. */
function effectOfOperation({ method, path, spot }: Operation): Effect | undefined {
  const id = snake(withoutMethod(textAt(spot.value, 'operationId') ?? ''))
  const [head = '', next = ''] = id.split('_')
  // `post-deleteUser` begins with its method, which says nothing more.
  const beyond = head === method.toLowerCase() ? plainVerb(next) : undefined
  const part = path
    .replace(/[?#].*$/s, '')
    .split('/')
    .findLast((entry) => entry !== '' && !entry.startsWith('{'))
  const [first = ''] = snake(textAt(spot.value, 'summary') ?? '').split('_')
  // `Deletes a user` begins with `delete`.
  const lead = plainVerb(first.replace(/(?<=[^s])s$/, ''))
  const words = snake(part ?? '')
  return beyond ?? counted(id, method) ?? lead ?? counted(words, method)
}

/** Of what is asked for, words like `log` and `request` are nouns more often. */
function counted(words: string, method: string): Effect | undefined {
  const effect = effectOf(words)
  if (effect !== 'adds' || !safeMethods.has(method)) return effect
  return words.split('_').some((word) => plainVerb(word) === 'adds') ? effect : undefined
}
