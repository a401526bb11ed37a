/** Words for models: titles, descriptions and what a name says about an operation. */

import { snake } from '../../../kit/snake.ts'
import type { ToolAnnotations } from '../../../model/conversion.ts'
import { plainLine } from '../../text.ts'
import { effectOf } from '../../verbs.ts'

/** `createIssue` to `Create issue`. */
export function titleOf(name: string): string {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .replaceAll('_', ' ')
    .trim()
    .split(/ +/)
    .map((word) => (/^[A-Z0-9]{2,}$/.test(word) ? word : word.toLowerCase()))
    .join(' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/** One plain line of at most `charsMax` characters; undefined when nothing is said. */
export function trim(text: string | null | undefined, charsMax: number): string | undefined {
  const line = plainLine(text ?? '', charsMax)
  return line === '' ? undefined : line
}

const repeatable: ReadonlySet<string> = new Set([
  ...[
    'delete',
    'remove',
    'destroy',
    'drop',
    'set',
    'update',
    'upsert',
    'replace',
    'enable',
    'disable',
  ],
  ...['close', 'archive', 'clear', 'cancel', 'revoke', 'unlock', 'unpin', 'unmark', 'unfollow'],
  ...['unstar', 'unsubscribe'],
])

/**
 * A mutation says only with its name what it does. Destructive is what is not known to add only, as in MCP's own
 * default (`ToolAnnotations.destructiveHint`).
 */
export function mutationAnnotations(name: string): ToolAnnotations {
  const words = snake(name)
  const effect = effectOf(words)
  return {
    title: titleOf(name),
    readOnlyHint: false,
    destructiveHint: effect !== 'adds' && effect !== 'reads',
    idempotentHint: repeatable.has(words.split('_')[0] ?? ''),
    openWorldHint: true,
  }
}

export function queryAnnotations(name: string): ToolAnnotations {
  return { title: titleOf(name), readOnlyHint: true, openWorldHint: true }
}
