/**
 * Texts and command lines as evidence and lists show them. What a secret looks like cannot be known, so this goes the
 * other way: words as people choose them, names of options, hosts and paths are shown, and all else is masked.
 */
import {
  isAddress,
  isHarmless,
  mask,
  movedSecret,
  plainAddress,
  plainPath,
} from './plain-address.ts'
import { isTelling } from './telling.ts'

/** Options whose next argument is shown: they take none, or the name of what is run. */
const frank: ReadonlySet<string> = new Set(
  '-y --yes -i -t -it --rm -m --from --package --directory --network'.split(' '),
)
const scheme = /^["']?(?:bearer|basic)$/i

/** Shows a text without what its owner keeps secret elsewhere: values of variables, headers, credentials. */
export function withoutKnown(text: string, known: ReadonlySet<string>): string {
  if (known.has(text)) return mask
  let shown = text
  // Short ones stand in any text by chance.
  for (const value of known) if (value.length >= 4) shown = shown.replaceAll(value, mask)
  return shown
}

/** A text of any kind: a sentence, a path, an address. */
export function plainText(given: string): string {
  const text = given.replaceAll(movedSecret, mask)
  // The whole of an address may hold blanks, in a password for one.
  if (isAddress(text)) return plainAddress(text)
  return text
    .replace(/-----BEGIN.*$/s, mask)
    .split('\n')
    .map((line) => plainWords(line.match(/\S+|\s+/g) ?? [], false).join(''))
    .join('\n')
}

/** The arguments of a command. */
export function plainArgs(args: readonly string[]): string[] {
  return plainWords(args, true)
}

/** Each word with those before it in view; blanks between words are words of no meaning. */
function plainWords(words: readonly string[], isCommand: boolean): string[] {
  let before = ''
  let hidden = false
  return words.map((given) => {
    if (!isCommand && /^\s*$/.test(given)) return given
    const last = before
    before = given
    if (hidden) return mask
    const word = given.replaceAll(movedSecret, mask)
    if (isCommand && /\s/.test(word)) {
      if (isSecretsName(last) || /["'{}]/.test(word)) return mask
      return plainText(word)
    }
    const isOption = /^-/.test(word)
    if (isSecretsName(last) && !(isOption && isPlainOption(word))) return mask
    if (!isCommand && /[:=]/.test(word) && isTelling(nameIn(word))) {
      hidden = true
      return `${plainPath(/^[\w-]*/.exec(word)?.[0] ?? '')}${/[:=]/.exec(word)?.[0] ?? ''}${/[:=]["']?$/.test(word) ? '' : mask}`
    }
    if (isOption) return plainOption(word)
    if (isCommand && /^--?[^=]+$/.test(last) && !frank.has(last)) return plainValue(word)
    return plainWord(word)
  })
}

/** What stands before the first colon or equals sign. */
function nameIn(word: string): string {
  return word.slice(0, word.search(/[:=]/)).replaceAll(/[^\w.-]/g, '')
}

/** `--token`, `Authorization:`, `Bearer`: what follows is the secret. */
function isSecretsName(word: string): boolean {
  if (scheme.test(word)) return true
  if (/^--?[^=\s]+$/.test(word)) return isTelling(word)
  return /[:=]["']?$/.test(word) && isTelling(nameIn(word))
}

function isPlainOption(word: string): boolean {
  return /^(?:--[A-Za-z][\w-]*|-\w{1,3})$/.test(word) && isHarmless(word)
}

function plainOption(word: string): string {
  const at = word.indexOf('=')
  const name = at < 0 ? word : word.slice(0, at)
  // A value may stand right behind a letter, as in `-pVALUE`.
  const shown = isPlainOption(name) ? name : /^-*$/.test(name) ? name : `-${mask}`
  if (at < 0) return shown
  return `${shown}=${isTelling(name) ? mask : plainValue(word.slice(at + 1))}`
}

/** What an option is given: a number, a switch, a path or an address; any other word could be a password. */
function plainValue(value: string): string {
  if (/^(?:\d{1,5}|true|false|on|off|yes|no|)$/.test(value)) return value
  if (isAddress(value)) return plainAddress(value)
  const isPlace =
    /^(?:\.{0,2}|~|[A-Z]:)[/\\]|^@?[a-z\d._:-]+\/[a-z\d._:/-]*$|^[\w-]+\.[a-z]{2,5}$|^\$\{\w+\}$|^\.{1,2}$|^localhost$|^[\d.]{7,15}$/.test(
      value,
    )
  return isPlace ? plainWord(value) : mask
}

function plainWord(word: string): string {
  const at = word.indexOf('=')
  if (at > 0 && /^[\w.-]+$/.test(word.slice(0, at))) {
    const name = word.slice(0, at)
    return `${plainPath(name)}=${isTelling(name) ? mask : plainValue(word.slice(at + 1))}`
  }
  // An address reaches to the end of its word.
  const begin = /[a-z][a-z0-9+.-]{0,31}$/i.exec(word.slice(0, Math.max(0, word.indexOf('://'))))
  if (begin !== null)
    return plainMarked(word.slice(0, begin.index)) + plainAddress(word.slice(begin.index))
  if (/[?#:]/.test(word.slice(0, word.lastIndexOf('@') + 1))) return mask
  return plainMarked(word)
}

/** A word with its punctuation, of which there is not much. */
function plainMarked(word: string): string {
  const open = /^["'(<[`]{0,3}/.exec(word)?.[0] ?? ''
  const close = /[^\p{L}\p{N}/}*]*$/u.exec(word.slice(open.length).slice(-4))?.[0] ?? ''
  const inner = word.slice(open.length, word.length - close.length)
  const cut = inner.search(/[?#]/)
  const plain = cut < 0 ? plainPath(inner) : `${plainPath(inner.slice(0, cut))}?${mask}`
  return open + plain + close
}
