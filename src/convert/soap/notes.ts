import type { ConversionCode, ConversionReport } from '../../model/conversion.ts'

const notesMax = 200

/** Losses that a person should know, each once, and not without end. */
export class Notes {
  private readonly seen = new Set<string>()
  readonly reports: ConversionReport[] = []

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
