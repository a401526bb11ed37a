import { z } from 'zod'
import { parseCidr } from '../kit/cidr.ts'

const words: ReadonlySet<string> = new Set(['private', 'loopback', 'link-local'])

/** Whether requests go through the proxy that HTTP_PROXY, HTTPS_PROXY and NO_PROXY name. */
const proxyWord = z.enum(['none', 'environment'])

/** What holds for all servers that say nothing else. */
export const gatewayEgressSpec = z.strictObject({
  proxy: proxyWord
    .default('none')
    .describe(
      'environment: HTTP requests go through the proxy that HTTP_PROXY and HTTPS_PROXY name, except to NO_PROXY',
    ),
})

/** What a server may be reached at beside the address that the operator wrote. */
export const egressSpec = z
  .strictObject({
    hosts: z
      .array(
        z
          .string()
          .regex(
            /^(?:[^\s/@:?#]+|[0-9A-Fa-f:.]+)$/,
            'a host such as files.example.com, without scheme, port or path',
          ),
      )
      .default([])
      .describe(
        'Further hosts, with * for one label, e.g. *.example.com; the host of the address itself is always allowed',
      ),
    networks: z
      .array(
        z
          .string()
          .refine(
            (text) => words.has(text) || parseCidr(text) !== undefined,
            'private, loopback, link-local or a range such as 10.0.0.0/8',
          ),
      )
      .default([])
      .describe(
        'Address ranges that are refused otherwise: private, loopback, link-local, or a CIDR such as 10.0.0.0/8',
      ),
    proxy: proxyWord.optional().describe('Default: that of the gateway, egress.proxy'),
  })
  .describe('Where connections to this server may go')

export type EgressSpec = z.infer<typeof egressSpec>
