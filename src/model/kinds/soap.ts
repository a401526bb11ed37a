import { z } from 'zod'
import { address, headersSpec, location, selectionSpec } from './selection.ts'

export const soapSpec = z
  .strictObject({
    wsdl: location.describe('File or URL of the WSDL'),
    endpoint: address('http', 'https')
      .optional()
      .describe('Where to send calls; default: the address in the WSDL'),
    headers: headersSpec,
    operations: selectionSpec.prefault({}),
  })
  .describe('A SOAP service with a WSDL 1.1 description')

export type SoapSpec = z.infer<typeof soapSpec>
