/** Collects what was lost. Bounded: a description of a stranger can be wrong in a million places. */
import type { ConversionCode, ConversionReport } from '../../model/conversion.ts'
import { type Place, pointerOf } from './place.ts'

const notesMax = 2_000
const reasonCharsMax = 500

export class Reporter {
  readonly notes: ConversionReport[] = []
  private readonly root: string
  private readonly known = new Set<string>()
  private operation = ''

  constructor(root: string) {
    this.root = root
  }

  /** Notes that follow belong to this operation. */
  begin(operation: string): void {
    this.operation = operation
  }

  /** The same loss at the same place is told once, with the operation that met it first. */
  note(code: ConversionCode, reason: string, at: Place): void {
    const report = { operation: this.operation, ...this.report(code, reason, at) }
    const key = `${report.code}\n${report.place}\n${report.reason}`
    if (this.known.has(key) || this.notes.length >= notesMax) return
    this.known.add(key)
    this.notes.push(report)
    if (this.notes.length === notesMax)
      this.notes.push({
        operation: '',
        code: 'description_invalid',
        reason: `More than ${notesMax} notes: the others are left out.`,
        place: '',
      })
  }

  /** In the description itself a pointer says enough; elsewhere the document is named. */
  report(code: ConversionCode, reason: string, at: Place): Omit<ConversionReport, 'operation'> {
    const pointer = pointerOf(at)
    const place = at.document === this.root ? pointer : `${at.document}${pointer}`
    return { code, reason: reason.slice(0, reasonCharsMax), place }
  }
}

/** An operation that cannot become a tool. Caught where operations are counted. */
export class OperationFault extends Error {
  readonly code: ConversionCode
  readonly at: Place

  constructor(code: ConversionCode, message: string, at: Place) {
    super(message)
    this.name = 'OperationFault'
    this.code = code
    this.at = at
  }
}
