/**
 * What an IP address is good for: the IANA special-purpose registries (RFC 6890), the metadata addresses of clouds, and
 * the IPv6 forms that carry an IPv4 address inside.
 */
import { BlockList, isIP } from 'node:net'
import { parseCidr } from '../kit/cidr.ts'

/** `reserved` is what no host has: unspecified, multicast, broadcast, documentation, benchmarks, future use. */
export type AddressClass =
  | 'public'
  | 'private'
  | 'loopback'
  | 'link-local'
  | 'metadata'
  | 'reserved'

/** In this order: what a cloud serves its secrets at is not simply link-local. */
const ranges: readonly (readonly [Exclude<AddressClass, 'public'>, readonly string[]])[] = [
  [
    'metadata',
    [
      '169.254.169.254/32',
      // Credentials of containers (ECS, EKS), DNS and time of AWS, other clouds' own.
      '169.254.170.2/32',
      '169.254.170.23/32',
      '169.254.169.123/32',
      '169.254.169.253/32',
      '169.254.42.42/32',
      '169.254.0.23/32',
      '100.100.100.200/32',
      '168.63.129.16/32',
      '192.0.0.192/32',
      'fd00:ec2::254/128',
      'fd00:ec2::23/128',
      'fd20:ce::254/128',
      'fd00:42::42/128',
    ],
  ],
  ['loopback', ['127.0.0.0/8', '::1/128']],
  ['link-local', ['169.254.0.0/16', 'fe80::/10']],
  // RFC 1918, shared address space (RFC 6598), unique-local (RFC 4193), site-local (RFC 3879).
  [
    'private',
    ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7', 'fec0::/10'],
  ],
  [
    'reserved',
    [
      '0.0.0.0/8',
      '192.0.0.0/24',
      '192.0.2.0/24',
      '192.88.99.0/24',
      '198.18.0.0/15',
      '198.51.100.0/24',
      '203.0.113.0/24',
      '224.0.0.0/4',
      '240.0.0.0/4',
      '2001:2::/48',
      '2001:10::/28',
      '2001:20::/28',
      '2001:db8::/32',
      '3fff::/20',
    ],
  ],
]

const lists = ranges.map(([name, cidrs]) => [name, blockList(cidrs)] as const)
/** Everything that is handed out as global unicast (RFC 4291 section 2.4), and the NAT64 prefix (RFC 6052). */
const globalUnicast = blockList(['2000::/3', '64:ff9b::/96'])

export function blockList(cidrs: readonly string[]): BlockList {
  const list = new BlockList()
  for (const text of cidrs) {
    const cidr = parseCidr(text)
    if (cidr !== undefined)
      list.addSubnet(cidr.address, cidr.prefix, cidr.family === 4 ? 'ipv4' : 'ipv6')
  }
  return list
}

export function isIn(list: BlockList, address: string): boolean {
  return list.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6')
}

/**
 * One spelling for one address: IPv4 dotted, IPv6 as WHATWG URLs write it, IPv4-mapped as the IPv4 address that is
 * dialled. @returns undefined for anything else, zones (RFC 4007) included.
 */
export function canonicalAddress(text: string): string | undefined {
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text
  const family = isIP(bare)
  if (family === 4) return bare
  if (family !== 6 || bare.includes('%')) return undefined
  const canonical = URL.parse(`http://[${bare}]/`)?.hostname.slice(1, -1)
  if (canonical === undefined) return undefined
  const words = hextets(canonical)
  return words.slice(0, 5).every((word) => word === 0) && words[5] === 0xffff
    ? dotted(words, 6)
    : canonical
}

/** Eight numbers of an IPv6 address in its canonical spelling, which has no dotted tail. */
function hextets(canonical: string): readonly number[] {
  const [left = '', right] = canonical.split('::')
  const numbers = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((word) => Number.parseInt(word, 16))
  const head = numbers(left)
  if (right === undefined) return head
  const tail = numbers(right)
  return [...head, ...Array<number>(8 - head.length - tail.length).fill(0), ...tail]
}

function dotted(words: readonly number[], at: number, mask = 0): string {
  const high = (words[at] ?? 0) ^ mask
  const low = (words[at + 1] ?? 0) ^ mask
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`
}

/** The IPv4 addresses that packets to an IPv6 address may end at. */
function embedded(canonical: string): readonly string[] {
  const words = hextets(canonical)
  const [first, second, third, fourth, fifth, sixth] = words
  const zeros = (count: number): boolean => words.slice(0, count).every((word) => word === 0)
  // IPv4-compatible (RFC 4291 section 2.5.5.1) and translated (RFC 2765 section 2.1); mapped ones are IPv4 by now.
  if (zeros(6) && canonical !== '::' && canonical !== '::1') return [dotted(words, 6)]
  if (zeros(4) && fifth === 0xffff && sixth === 0) return [dotted(words, 6)]
  // NAT64 (RFC 6052), 6to4 (RFC 3056), Teredo with server and client (RFC 4380 section 4).
  if (first === 0x64 && second === 0xff9b && third === 0 && fourth === 0) return [dotted(words, 6)]
  if (first === 0x2002) return [dotted(words, 1)]
  if (first === 0x2001 && second === 0) return [dotted(words, 2), dotted(words, 6, 0xffff)]
  // ISATAP (RFC 5214 section 6.1) under any prefix.
  if ((fifth === 0 || fifth === 0x200) && sixth === 0x5efe) return [dotted(words, 6)]
  return []
}

/** An address and what is inside it: all of them must be fine. Nothing for a name. */
export function formsOf(canonical: string): readonly string[] {
  if (isIP(canonical) === 0) return []
  return isIP(canonical) === 4 ? [canonical] : [canonical, ...embedded(canonical)]
}

/** The class of one form. */
export function classOf(form: string): AddressClass {
  for (const [name, list] of lists) if (isIn(list, form)) return name
  if (isIP(form) === 4) return 'public'
  if (isIn(globalUnicast, form)) return 'public'
  // What carries an IPv4 address is judged by that one.
  return embedded(form).length > 0 ? 'public' : 'reserved'
}
