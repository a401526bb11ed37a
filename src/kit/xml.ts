/**
 * XML of strangers as a small tree. A document type is refused where it stands, or passed over unread, so there are no
 * entities to expand and none to fetch (XML 1.0 section 4.4); size, depth and number of nodes are bounded by the caller.
 */

export interface XmlAttribute {
  /** Empty for attributes without a prefix (Namespaces in XML section 6.2). */
  readonly namespace: string
  readonly local: string
  readonly value: string
}

export interface XmlElement {
  /** Empty for none. */
  readonly namespace: string
  readonly local: string
  readonly attributes: readonly XmlAttribute[]
  readonly children: readonly XmlElement[]
  /** All text directly inside, in order, CDATA included. */
  readonly text: string
  readonly line: number
  /** The namespace of a prefix at this place, for QNames in values; undefined: not declared. '' asks for the default. */
  readonly scope: (prefix: string) => string | undefined
}

export interface XmlLimits {
  readonly charactersMax: number
  readonly depthMax: number
  readonly nodesMax: number
}

export class XmlFault extends Error {
  readonly reason: 'malformed' | 'doctype' | 'too-large'
  readonly line: number

  constructor(reason: XmlFault['reason'], message: string, line: number) {
    super(message)
    this.name = 'XmlFault'
    this.reason = reason
    this.line = line
  }
}

interface Open {
  namespace: string
  local: string
  attributes: XmlAttribute[]
  children: XmlElement[]
  text: string
  line: number
  prefixes: ReadonlyMap<string, string>
  scope: (prefix: string) => string | undefined
}

const xmlNamespace = 'http://www.w3.org/XML/1998/namespace'
const rootPrefixes: ReadonlyMap<string, string> = new Map([['xml', xmlNamespace]])
/** `sax` bounds its buffers only between writes. */
const sliceCharacters = 32_768

/**
 * Reads one document. A prefix that is not declared is no fault, since descriptions in the wild have them: such a name
 * is in no namespace. @throws XmlFault
 */
export async function parseXml(
  text: string,
  limits: XmlLimits,
  { doctype = 'refused' }: { readonly doctype?: 'refused' | 'skipped' } = {},
): Promise<XmlElement> {
  if (text.length > limits.charactersMax)
    throw new XmlFault('too-large', `more than ${limits.charactersMax} characters`, 1)
  const { default: sax } = await import('sax')
  const parser = sax.parser(true, { strictEntities: true, position: true })
  const stack: Open[] = []
  let root: XmlElement | undefined
  let nodes = 0
  const fail = (reason: XmlFault['reason'], message: string): never => {
    throw new XmlFault(reason, message, parser.line + 1)
  }
  const count = (more: number): void => {
    nodes += more
    if (nodes > limits.nodesMax)
      fail('too-large', `more than ${limits.nodesMax} elements and attributes`)
  }
  parser.onerror = (error) => fail('malformed', error.message.split('\n')[0] ?? 'not well-formed')
  parser.ondoctype = (declaration) => {
    if (doctype === 'refused') fail('doctype', 'a document type declaration is not accepted')
    if (declaresEntity(declaration))
      fail('doctype', 'a document type with entities is not accepted')
  }
  parser.ontext = (piece) => {
    const open = stack.at(-1)
    if (open !== undefined) open.text += piece
  }
  parser.oncdata = parser.ontext
  parser.onopentag = (tag) => {
    const names = Object.keys(tag.attributes)
    count(1 + names.length)
    if (stack.length >= limits.depthMax) fail('too-large', `nested deeper than ${limits.depthMax}`)
    if (root !== undefined) fail('malformed', 'a second root element')
    stack.push(opened(tag, stack.at(-1)?.prefixes ?? rootPrefixes, parser.line + 1))
  }
  parser.onclosetag = () => {
    const closed = stack.pop()
    if (closed === undefined) return
    const parent = stack.at(-1)
    if (parent === undefined) root = closed
    else parent.children.push(closed)
  }
  for (let at = 0; at < text.length; at += sliceCharacters)
    parser.write(text.slice(at, at + sliceCharacters))
  parser.close()
  return root ?? fail('malformed', 'no root element')
}

/**
 * Whether a document type declares an entity for the document. Parameter entities serve within the declaration alone
 * (XML 1.0 section 4.1), which nobody reads further; what they could declare is unknown where it is used.
 */
function declaresEntity(declaration: string): boolean {
  return /<!ENTITY(?!\s+%\s)/i.test(declaration)
}

function opened(
  tag: { name: string; attributes: Record<string, string> },
  outer: ReadonlyMap<string, string>,
  line: number,
): Open {
  const own: [string, string][] = []
  for (const [name, value] of Object.entries(tag.attributes)) {
    if (name === 'xmlns') own.push(['', value])
    else if (name.startsWith('xmlns:')) own.push([name.slice(6), value])
  }
  const prefixes = own.length === 0 ? outer : new Map([...outer, ...own])
  const [prefix, local] = splitName(tag.name)
  const attributes: XmlAttribute[] = []
  for (const [name, value] of Object.entries(tag.attributes)) {
    if (name === 'xmlns' || name.startsWith('xmlns:')) continue
    const [of, plain] = splitName(name)
    attributes.push({ namespace: of === '' ? '' : (prefixes.get(of) ?? ''), local: plain, value })
  }
  const scope = (asked: string): string | undefined => prefixes.get(asked)
  const namespace = prefixes.get(prefix) ?? ''
  return { namespace, local, attributes, children: [], text: '', line, prefixes, scope }
}

/** `p:name` to prefix and name; the prefix is empty when there is none. */
export function splitName(name: string): readonly [string, string] {
  const at = name.indexOf(':')
  return at < 0 ? ['', name] : [name.slice(0, at), name.slice(at + 1)]
}

export function attributeOf(
  element: XmlElement,
  local: string,
  namespace = '',
): string | undefined {
  return element.attributes.find((one) => one.local === local && one.namespace === namespace)?.value
}

/** What XML 1.0 section 2.2 does not allow in a document, not even escaped. */
const forbidden = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/u

/** Whether a text can stand in an XML 1.0 document at all. */
export function isXmlText(text: string): boolean {
  return !forbidden.test(text)
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
}

/** Text for between tags: carriage returns survive, and `]]>` is none. */
export function escapeText(text: string): string {
  return text.replaceAll(/[&<>\r]/g, (found) => escapes[found] ?? found)
}

/** Text for between double quotes: white space survives (XML 1.0 section 3.3.3). */
export function escapeAttribute(text: string): string {
  return text.replaceAll(/[&<>"\t\n\r]/g, (found) => escapes[found] ?? found)
}
