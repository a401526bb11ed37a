/** Markdown and HTML of descriptions made into plain sentences for models. Every step is linear in the text. */

/** What of a text is looked at: cleaning more than is kept many times over helps nobody. */
const rawCharsMax = 12_000
const entities: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  '#39': "'",
  '#34': '"',
  mdash: '-',
  ndash: '-',
  hellip: '...',
}

/** Plain text of at most `charsMax` characters, cut after a sentence where there is one. */
export function plainText(raw: string, charsMax: number): string {
  return shorten(strip(raw.slice(0, rawCharsMax)), charsMax)
}

/** One line of it. */
export function plainLine(raw: string, charsMax: number): string {
  return shorten(strip(raw.slice(0, rawCharsMax)).replaceAll(/\s+/g, ' '), charsMax)
}

function strip(raw: string): string {
  let text = raw
  if (!/[<&*_`#[\\|\r\n\t]| {2}/.test(text)) return text.trim()
  if (text.includes('<'))
    text = text
      .replaceAll(/<!--[^>]{0,2000}-->/g, ' ')
      .replaceAll(/<(?:br|\/p|\/div|\/li|\/tr|\/h[1-6])\s{0,9}\/?>/gi, '\n')
      .replaceAll(/<li>/gi, '- ')
      .replaceAll(/<\/?[a-z][a-z0-9-]{0,20}(?:\s[^<>]{0,1000})?\/?>/gi, '')
  if (text.includes('&'))
    text = text.replaceAll(/&(#?\w{1,8});/g, (whole, name: string) => entities[name] ?? whole)
  // `[Price][acme.shop.v1.Price]` of comments in .proto files, and Markdown's own references.
  if (text.includes('][')) text = text.replaceAll(/\[([^[\]]{1,500})\]\[[^[\]]{0,500}\]/g, '$1')
  if (text.includes(']('))
    text = text.replaceAll(/!?\[([^[\]]{0,500})\]\([^()\s]{0,1000}[^()]{0,200}\)/g, '$1')
  return text
    .replaceAll('\r\n', '\n')
    .replaceAll(/^[ \t]{0,9}(?:`{3,}|~{3,})[^\n]{0,40}$/gm, '')
    .replaceAll(/^[ \t]{0,9}#{1,6}[ \t]{1,9}/gm, '')
    .replaceAll(/^[ \t|:-]{3,200}$/gm, '')
    .replaceAll('**', '')
    .replaceAll(/[ \t\u00a0]{1,400}/g, ' ')
    .replaceAll(/ ?\n ?/g, '\n')
    .replaceAll(/\n{3,}/g, '\n\n')
    .trim()
}

/** Sentences are kept whole; only a text without any is cut within words, and says so. */
export function shorten(text: string, charsMax: number): string {
  if (text.length <= charsMax) return text
  const head = text.slice(0, charsMax)
  const end = lastSentenceEnd(head)
  if (end > charsMax / 3) return head.slice(0, end).trimEnd()
  const space = head.lastIndexOf(' ', charsMax - 3)
  const cut = head.slice(0, space > charsMax / 2 ? space : charsMax - 3)
  // Half a surrogate pair is no character.
  return `${cut.replace(/[\ud800-\udbff]$/, '')}...`
}

function lastSentenceEnd(text: string): number {
  for (let index = text.length - 1; index > 0; index--) {
    const char = text[index]
    if (char === '\n') return index
    if ((char === '.' || char === '!' || char === '?') && /\s/.test(text[index + 1] ?? ' ')) {
      // The last character of the cut may stand within a number or an address.
      if (index + 1 < text.length) return index + 1
    }
  }
  return -1
}
