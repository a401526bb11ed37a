import type { XmlElement } from '../../../kit/xml.ts'
import type { SimpleType, XmlName } from '../../../model/kinds/soap.ts'
import type { SchemaDocument } from './load.ts'
import type { Notes } from './notes.ts'
import type { SchemaSet } from './schema-set.ts'

/** What contents and attributes need of the types that they are part of. */
export interface TypeReader {
  readonly set: SchemaSet
  readonly notes: Notes
  /** Takes one step of the work that a description may cost. @throws ConversionFault when there is none left */
  spend(): void
  /** The key of a type that is named. */
  reference(name: XmlName, place: string): string
  /** The key of the type of an element that is declared. */
  ofElement(node: XmlElement, schema: SchemaDocument, label: string): string
  simpleReference(name: XmlName, place: string, depth: number): SimpleType
  simpleOf(node: XmlElement, schema: SchemaDocument, depth: number): SimpleType
}
