import { z } from 'zod'

/** What a server may be reached at beside the address that the operator wrote. */
export const egressSpec = z
  .strictObject({
    hosts: z
      .array(z.string().min(1))
      .default([])
      .describe(
        'Further hosts, with * for one label, e.g. *.example.com; the host of the address itself is always allowed',
      ),
    networks: z
      .array(z.string().min(1))
      .default([])
      .describe(
        'Address ranges that are refused otherwise: private, loopback, link-local, or a CIDR such as 10.0.0.0/8',
      ),
  })
  .describe('Where connections to this server may go')

export type EgressSpec = z.infer<typeof egressSpec>
