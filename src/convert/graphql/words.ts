/** Words for models: titles, descriptions and what a name says about an operation. */
import type { ToolAnnotations } from '../../model/conversion.ts'

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

/** At most `charsMax` characters, cut at the end of a sentence or a word. */
export function trim(text: string | null | undefined, charsMax: number): string | undefined {
  const tidy = (text ?? '').replace(/\s+/g, ' ').trim()
  if (tidy === '') return undefined
  if (tidy.length <= charsMax) return tidy
  const cut = tidy.slice(0, charsMax)
  const sentence = cut.lastIndexOf('. ')
  if (sentence > charsMax / 2) return cut.slice(0, sentence + 1)
  const word = cut.lastIndexOf(' ')
  return `${cut.slice(0, word > 0 ? word : charsMax)}…`
}

const additive = /^(create|add|insert|new|register|submit|send|post|invite|comment|upload|request)/i
const harmless = /^(subscribe|follow|star|mark|pin|lock|enable|start|log|sign|validate|preview)/i
const repeatable =
  /^(delete|remove|destroy|drop|set|update|upsert|replace|enable|disable|close|archive|clear|cancel|revoke|unlock|unpin|unmark|unfollow|unstar|unsubscribe)/i

/**
 * A mutation says only with its name what it does. Destructive is what is not known to add only, as in MCP's own
 * default (`ToolAnnotations.destructiveHint`).
 */
export function mutationAnnotations(name: string): ToolAnnotations {
  return {
    title: titleOf(name),
    readOnlyHint: false,
    destructiveHint: !(additive.test(name) || harmless.test(name)),
    idempotentHint: repeatable.test(name),
    openWorldHint: true,
  }
}

export function queryAnnotations(name: string): ToolAnnotations {
  return { title: titleOf(name), readOnlyHint: true, openWorldHint: true }
}
