import type { ConversionCode, ConversionReport } from '../../../model/conversion.ts'

const notesMax = 200

/** Losses that a person should know, each once, and not without end. */
export class Notes {
  private readonly seen = new Set<string>()
  readonly reports: ConversionReport[] = []
  /** References that could not be followed, by the namespace that they would have brought. */
  private readonly lost = new Map<string, string>()

  lose(namespace: string, reference: string): void {
    if (!this.lost.has(namespace)) this.lost.set(namespace, reference)
  }

  /** Why something of a namespace may be unknown: for the end of a sentence. */
  because(namespace: string): string {
    const reference = this.lost.get(namespace)
    return reference === undefined ? '' : `, since ${JSON.stringify(reference)} could not be read`
  }

  add(operation: string, code: ConversionCode, reason: string, place: string): void {
    const key = JSON.stringify([operation, code, reason, place])
    if (this.seen.has(key) || this.reports.length >= notesMax) return
    this.seen.add(key)
    this.reports.push({ operation, code, reason, place })
  }
}

/** What keeps one operation from becoming a tool. */
export class OperationFault extends Error {
  readonly code: ConversionCode
  readonly place: string

  constructor(code: ConversionCode, message: string, place: string) {
    super(message)
    this.name = 'OperationFault'
    this.code = code
    this.place = place
  }
}
