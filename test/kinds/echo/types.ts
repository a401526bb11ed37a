/** What stands in `src/model/kinds/<kind>.ts` for a kind of the product: the entry in `sallyport.yaml`, and plans. */
import { z } from 'zod'
import {
  address,
  headersSpec,
  location,
  selectionSpec,
} from '../../../src/model/kinds/selection.ts'

export const echoSpec = z
  .strictObject({
    spec: location.describe('File or URL of the description'),
    url: address('http', 'https').optional(),
    headers: headersSpec,
    operations: selectionSpec.prefault({}),
  })
  .describe('A service that says what it is told')

export type EchoSpec = z.output<typeof echoSpec>
export type EchoInput = z.input<typeof echoSpec>

export interface EchoPlan {
  readonly url: string
  readonly word: string
}
