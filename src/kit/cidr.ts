import { isIP } from 'node:net'

/** A range of addresses (RFC 4632 section 3.1, RFC 4291 section 2.3). */
export interface Cidr {
  readonly address: string
  readonly prefix: number
  readonly family: 4 | 6
}

/** @returns undefined when the text is no range; a bare address is the range of itself. */
export function parseCidr(text: string): Cidr | undefined {
  const [address = '', bits, ...rest] = text.split('/')
  const family = isIP(address)
  if ((family !== 4 && family !== 6) || address.includes('%') || rest.length > 0) return undefined
  const most = family === 4 ? 32 : 128
  if (bits !== undefined && !/^\d{1,3}$/.test(bits)) return undefined
  const prefix = bits === undefined ? most : Number(bits)
  return prefix > most ? undefined : { address, prefix, family }
}
