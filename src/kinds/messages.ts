/** What the process of a conversion and the gateway say to each other. */
import type { ConversionCode, ConversionFault, Document } from '../model/conversion.ts'
import type { ConversionJob } from './converters.ts'

/** A ConversionFault as plain data: classes do not cross. */
export interface PlainFault {
  readonly code: ConversionCode
  readonly message: string
  readonly place: string
  readonly byEgress: boolean
}

export type FromWorker =
  | {
      readonly kind: 'read'
      readonly id: number
      readonly reference: string
      readonly from: string
    }
  /** A Conversion, serialised: its size is known before it is taken. */
  | { readonly kind: 'done'; readonly conversion: Uint8Array }
  | { readonly kind: 'fault'; readonly fault: PlainFault }

export type ToWorker =
  | { readonly kind: 'job'; readonly job: ConversionJob }
  | { readonly kind: 'document'; readonly id: number; readonly document: Document }
  | { readonly kind: 'refused'; readonly id: number; readonly fault: PlainFault }

/** A fault as it crosses between the processes. */
export function plainOf({ code, message, place, byEgress }: ConversionFault): PlainFault {
  return { code, message, place, byEgress }
}
