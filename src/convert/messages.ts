/** What a conversion's worker and the main thread say to each other. */
import type { Conversion, ConversionCode, Document } from '../model/conversion.ts'

/** A ConversionFault as plain data: classes do not cross. */
export interface PlainFault {
  readonly code: ConversionCode
  readonly message: string
  readonly place: string
}

export type FromWorker =
  | {
      readonly kind: 'read'
      readonly id: number
      readonly reference: string
      readonly from: string
    }
  | { readonly kind: 'done'; readonly conversion: Conversion }
  | { readonly kind: 'fault'; readonly fault: PlainFault }

export type ToWorker =
  | { readonly id: number; readonly document: Document }
  | { readonly id: number; readonly fault: PlainFault }
