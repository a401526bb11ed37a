import { z } from 'zod'
import { location, selectionSpec } from './selection.ts'

export const soapSpec = z
  .strictObject({
    wsdl: location.describe('File or URL of the WSDL'),
    endpoint: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe('Where to send calls; default: the address in the WSDL'),
    headers: z.record(z.string(), z.string()).default({}),
    operations: selectionSpec.prefault({}),
  })
  .describe('A SOAP service with a WSDL 1.1 description')

export type SoapSpec = z.infer<typeof soapSpec>
