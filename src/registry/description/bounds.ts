/** What one reading of a description may cost, all documents together. */
import { ConversionFault } from '../../model/conversion.ts'

export interface ReadCaps {
  readonly documentBytesMax: number
  readonly totalBytesMax: number
  readonly documentsMax: number
  /** Of one document. */
  readonly timeMsMax: number
  readonly redirectsMax: number
}

export const readCaps: ReadCaps = {
  documentBytesMax: 32_000_000,
  totalBytesMax: 100_000_000,
  documentsMax: 200,
  timeMsMax: 30_000,
  redirectsMax: 5,
}

/** Counts what was read since the description was begun. */
export class Budget {
  private readonly caps: ReadCaps
  private bytes = 0
  private documents = 0

  constructor(caps: ReadCaps) {
    this.caps = caps
  }

  /** Bytes that the next document may have. @throws ConversionFault description_too_large */
  begin(place: string): number {
    const { documentsMax, totalBytesMax, documentBytesMax } = this.caps
    if (++this.documents > documentsMax)
      throw new ConversionFault(
        'description_too_large',
        `it points at more than ${documentsMax} documents`,
        place,
      )
    if (this.bytes >= totalBytesMax) throw tooLarge(totalBytesMax, 'all its documents', place)
    return Math.min(documentBytesMax, totalBytesMax - this.bytes)
  }

  spend(bytes: number): void {
    this.bytes += bytes
  }
}

export function tooLarge(bytesMax: number, what: string, place: string): ConversionFault {
  const size = bytesMax < 1_000_000 ? `${bytesMax} bytes` : `${Math.floor(bytesMax / 1_000_000)} MB`
  return new ConversionFault('description_too_large', `${what} may have ${size} at most`, place)
}
