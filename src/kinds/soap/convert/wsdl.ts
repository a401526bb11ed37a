/** The parts of WSDL 1.1 documents, by name. */
import { attributeOf, splitName, type XmlElement } from '../../../kit/xml.ts'
import type { XmlName } from '../../../model/kinds/soap.ts'
import type { WsdlDocument } from './load.ts'

const parts = ['message', 'portType', 'binding', 'service'] as const
type PartKind = (typeof parts)[number]

export interface Part {
  readonly name: XmlName
  readonly node: XmlElement
  readonly document: WsdlDocument
}

export class Wsdl {
  readonly documents: readonly WsdlDocument[]
  private readonly parts = new Map<PartKind, Map<string, Part>>(
    parts.map((kind) => [kind, new Map()]),
  )

  constructor(documents: readonly WsdlDocument[]) {
    this.documents = documents
    for (const document of documents)
      for (const node of document.root.children) {
        const kind = parts.find((one) => one === node.local)
        const local = attributeOf(node, 'name')?.trim()
        const map = kind === undefined ? undefined : this.parts.get(kind)
        if (map === undefined || local === undefined) continue
        const name = { namespace: document.targetNamespace, local }
        const key = `{${name.namespace}}${local}`
        if (!map.has(key)) map.set(key, { name, node, document })
      }
  }

  all(kind: PartKind): readonly Part[] {
    return [...(this.parts.get(kind)?.values() ?? [])]
  }

  /** The part that a QName means. Without the prefix that it should have, the only part of that name is meant. */
  find(kind: PartKind, value: string, at: XmlElement): Part | undefined {
    const [prefix, local] = splitName(value.trim())
    const map = this.parts.get(kind)
    const exact = map?.get(`{${at.scope(prefix) ?? ''}}${local}`)
    if (exact !== undefined) return exact
    const [only, second] = this.all(kind).filter(({ name }) => name.local === local)
    return second === undefined ? only : undefined
  }
}

export const childrenOf = (node: XmlElement, local: string): readonly XmlElement[] =>
  node.children.filter((child) => child.local === local)
