/**
 * Whose sends and receives a description tells. Many are written from the side of a client, which the specification
 * does not forbid and no field says; what gives it away are messages that only clients send.
 */

import { snake } from '../../../kit/snake.ts'
import type { Documents } from '../../document/documents.ts'
import { memberOf, membersOf, textAt, textsAt } from '../../document/json.ts'
import { placeIn, type Spot } from '../../document/place.ts'
import { Memory } from './memory.ts'
import type { Operation } from './operation.ts'
import { type ReadOptions, readOperation, traitText } from './operations.ts'

const operationsMax = 200

/** How messages begin that ask something of a service. */
const asking: ReadonlySet<string> = new Set([
  ...['subscribe', 'unsubscribe', 'login', 'logon', 'auth', 'authenticate', 'authorize', 'logout'],
])
/** What makes an answer, or the news of one, of the same words: `subscribe_ack`. */
const telling: ReadonlySet<string> = new Set([
  ...[
    'ack',
    'acknowledgement',
    'acknowledged',
    'response',
    'reply',
    'result',
    'success',
    'failure',
  ],
  ...[
    'failed',
    'error',
    'confirmation',
    'confirmed',
    'event',
    'status',
    'notification',
    'ok',
    'done',
  ],
])

/** The word of a message that a service would send although only clients do; undefined: nothing speaks for a client. */
export function clientWord(
  documents: Documents,
  operations: readonly Operation[],
  options: Omit<ReadOptions, 'describes' | 'memory'>,
): string | undefined {
  const reading: ReadOptions = { ...options, describes: 'server', memory: new Memory() }
  let found: string | undefined
  for (const operation of operations.slice(0, operationsMax)) {
    if (operation.fault !== undefined) continue
    try {
      const { verb, messages } = readOperation(documents, operation, reading)
      const word = messages
        .flatMap((message) => wordsOf(documents, message))
        .find((one) => isAsking(snake(one)))
      if (word === undefined) continue
      // A service that takes such messages as well is described as itself.
      if (verb !== 'take') return undefined
      found ??= word
    } catch {
      // It is told when it is converted.
    }
  }
  return found
}

function isAsking(name: string): boolean {
  const words = name.split('_')
  return asking.has(words[0] ?? '') && !words.some((word) => telling.has(word))
}

/** What a message is called, and what its members say that have one value: `{"type": "subscribe"}`. */
function wordsOf(documents: Documents, message: Spot): readonly string[] {
  const name = traitText(documents, message, 'name')
  const raw = memberOf(message.value, 'payload')
  const payload = documents.target({ value: raw, at: placeIn(message.at, 'payload') })
  const members =
    payload.kind === 'found' ? membersOf(memberOf(payload.spot.value, 'properties')) : []
  const fixed = members.flatMap(([, schema]) => {
    const values = textsAt(schema, 'enum')
    return [textAt(schema, 'const'), values.length === 1 ? values[0] : undefined]
  })
  return [message.at.key, name, ...fixed].filter((one) => one !== undefined)
}
