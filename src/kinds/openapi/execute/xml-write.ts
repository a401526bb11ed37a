/** XML request bodies by the XML Object of a description (OpenAPI 3.1 section 4.8.26). */
import { XMLBuilder } from 'fast-xml-parser'
import type { XmlShape } from '../../../model/kinds/openapi.ts'
import { ArgumentFault, isList, isPrimitive, textOf, type Value } from './arguments.ts'

const attributePrefix = '@_'
const textName = '#text'

const builder = new XMLBuilder({
  ignoreAttributes: false,
  attributeNamePrefix: attributePrefix,
  textNodeName: textName,
  suppressBooleanAttributes: false,
})

type Node = string | { [name: string]: Node | Node[] }

export interface XmlRoot {
  readonly shape: XmlShape
  readonly root: string
  /** For messages. */
  readonly argument: string
}

/** @throws ArgumentFault for names and characters that XML 1.0 has not */
export function writeXml({ shape, root, argument }: XmlRoot, value: Value): string {
  const writer = new Writer(argument)
  const name = writer.name(shape, root)
  const content = isList(value)
    ? writer.object([[root, writer.list(shape, root, value)]])
    : writer.node(shape, value)
  return `<?xml version="1.0" encoding="UTF-8"?>${builder.build({ [name]: writer.named(shape, content) })}`
}

class Writer {
  private readonly argument: string

  constructor(argument: string) {
    this.argument = argument
  }

  name(shape: XmlShape, fallback: string): string {
    const name = shape.name ?? fallback
    // XML 1.0 section 2.3, without the colon that only prefixes have.
    if (!/^[\p{L}_][\p{L}\p{N}\p{M}._-]*$/u.test(name))
      throw new ArgumentFault(this.argument, `${JSON.stringify(name)} is no name of an XML element`)
    return shape.prefix === undefined || shape.prefix === '' ? name : `${shape.prefix}:${name}`
  }

  text(value: Value): string {
    const text = value === null ? '' : isPrimitive(value) ? textOf(value) : JSON.stringify(value)
    // XML 1.0 section 2.2: no escaping makes these legal.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    if (/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/.test(text))
      throw new ArgumentFault(this.argument, 'holds a control character, which XML cannot carry')
    return text
  }

  /** The namespace of an element is declared where the shape names it. */
  named(shape: XmlShape, node: Node): Node {
    if (shape.namespace === undefined) return node
    const key = `${attributePrefix}xmlns${shape.prefix ? `:${shape.prefix}` : ''}`
    return typeof node === 'string'
      ? { [key]: shape.namespace, [textName]: node }
      : { [key]: shape.namespace, ...node }
  }

  object(entries: readonly (readonly [string, Node | Node[] | undefined])[]): {
    [name: string]: Node | Node[]
  } {
    return Object.fromEntries(
      entries.flatMap(([name, node]) => (node === undefined ? [] : [[name, node] as const])),
    )
  }

  node(shape: XmlShape, value: Value): Node {
    if (value === null || isPrimitive(value)) return this.text(value)
    if (isList(value)) return this.object([['item', this.list(shape, 'item', value)]])
    return this.object(
      Object.entries(value).flatMap(([key, member]): (readonly [string, Node | Node[]])[] => {
        if (member === null) return []
        const inner = shape.properties?.[key] ?? {}
        if (inner.attribute === true)
          return [[`${attributePrefix}${this.name(inner, key)}`, this.text(member)]]
        if (!isList(member))
          return [[this.name(inner, key), this.named(inner, this.node(inner, member))]]
        if (inner.wrapped !== true)
          return [[this.name(inner.items ?? {}, key), this.list(inner, key, member)]]
        const items = this.list(inner, key, member)
        const item = this.name(inner.items ?? {}, inner.name ?? key)
        return [[this.name(inner, key), this.named(inner, this.object([[item, items]]))]]
      }),
    )
  }

  list(shape: XmlShape, _key: string, value: readonly Value[]): Node[] {
    const items = shape.items ?? {}
    return value.map((item) => this.named(items, this.node(items, item)))
  }
}
