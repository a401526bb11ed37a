/** Words of a command line as a POSIX shell splits them (IEEE 1003.1 section 2.2). Nothing in it is ever run. */

const commandsMax = 500

/** Commands, each a list of words with the line that it starts on. */
export function shellCommands(text: string): readonly { words: string[]; line: number }[] {
  const commands: { words: string[]; line: number }[] = []
  let words: string[] = []
  let word: string | undefined
  let line = 1
  let startedAt = 1
  const endWord = (): void => {
    if (word === undefined) return
    if (words.length === 0) startedAt = line
    words.push(word)
    word = undefined
  }
  const endCommand = (): void => {
    endWord()
    if (words.length > 0 && commands.length < commandsMax) commands.push({ words, line: startedAt })
    words = []
  }
  for (let index = 0; index < text.length; index++) {
    const char = text.charAt(index)
    const next = text.charAt(index + 1)
    if (char === '\n') {
      line++
      endCommand()
    } else if (char === '\\' || (char === '^' && /[\r\n]/.test(next))) {
      // A continued line; `^` is how the Windows shell writes it.
      if (next === '\r' && text.charAt(index + 2) === '\n') index++
      if (text.charAt(index + 1) === '\n') {
        line++
        endWord()
      } else word = (word ?? '') + next
      index++
    } else if (char === "'" || char === '"') {
      const isAnsi = char === "'" && word === '$'
      const quoted = readQuoted(text, index, char, isAnsi)
      word = (isAnsi ? '' : (word ?? '')) + quoted.text
      line += quoted.lines
      index = quoted.end
    }
    // A `&` within a word ends a command for a shell; here it is an address that nobody quoted.
    else if (char === ';' || char === '|' || (char === '&' && word === undefined)) endCommand()
    else if (/\s/.test(char)) endWord()
    else if (char === '#' && word === undefined) {
      const end = text.indexOf('\n', index)
      index = (end < 0 ? text.length : end) - 1
    } else word = (word ?? '') + char
  }
  endCommand()
  return commands
}

interface Quoted {
  readonly text: string
  /** Index of the closing quote. */
  readonly end: number
  readonly lines: number
}

function readQuoted(text: string, from: number, quote: string, isAnsi: boolean): Quoted {
  const parts: string[] = []
  let lines = 0
  let index = from + 1
  for (; index < text.length && text.charAt(index) !== quote; index++) {
    const char = text.charAt(index)
    const next = text.charAt(index + 1)
    if (char === '\n') lines++
    if (char !== '\\' || (quote === "'" && !isAnsi)) parts.push(char)
    else if (isAnsi) {
      const escaped = readEscape(text.slice(index + 1, index + 6))
      parts.push(escaped.text)
      index += escaped.length
    } else if (/["\\$`]/.test(next)) {
      parts.push(next)
      index++
    } else if (next === '\n') {
      lines++
      index++
    } else parts.push(char)
  }
  return { text: parts.join(''), end: index, lines }
}

/** `$'...'`: what browsers write for bodies with quotes and line ends in them. */
function readEscape(rest: string): { readonly text: string; readonly length: number } {
  const hex = /^(?:u([0-9a-f]{4})|x([0-9a-f]{2}))/i.exec(rest)
  if (hex !== null)
    return {
      text: String.fromCharCode(Number.parseInt(hex[1] ?? hex[2] ?? '0', 16)),
      length: hex[0].length,
    }
  const known: Readonly<Record<string, string>> = {
    n: '\n',
    r: '\r',
    t: '\t',
    b: '\b',
    f: '\f',
    v: '\v',
  }
  const char = rest.charAt(0)
  return { text: known[char] ?? char, length: 1 }
}
