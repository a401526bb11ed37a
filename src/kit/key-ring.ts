import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'

/** One key of the ring. `id` is 4 characters, the prefix of everything that it sealed. */
export interface RingKey {
  readonly id: string
  /** 32 random bytes, base64url. */
  readonly secret: string
  /** Epoch milliseconds. */
  readonly createdAt: number
}

/** What the key file or SALLYPORT_KEYS holds: the first key seals, all open. */
export interface RingFile {
  readonly keys: readonly RingKey[]
}

/** How long a rotated key still opens what it sealed, in milliseconds: longer than any box lives. */
const keyOverlapMs = 30 * 86_400_000

export function newRingKey(now: number): RingKey {
  return {
    id: randomBytes(3).toString('base64url'),
    secret: randomBytes(32).toString('base64url'),
    createdAt: now,
  }
}

/** A ring with a new current key; keys whose successor is older than the overlap are dropped. */
export function rotateRing(ring: RingFile, now: number): RingFile {
  const kept = ring.keys.filter(
    (_, index) => index === 0 || (ring.keys[index - 1]?.createdAt ?? 0) + keyOverlapMs > now,
  )
  return { keys: [newRingKey(now), ...kept].slice(0, 8) }
}

/** Parses a ring and checks its shape; undefined when it is none. */
export function parseRing(text: string): RingFile | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (
      typeof value !== 'object' ||
      value === null ||
      !('keys' in value) ||
      !Array.isArray(value.keys)
    )
      return undefined
    const keys = value.keys.filter(isRingKey)
    return keys.length === value.keys.length && keys.length > 0 ? { keys } : undefined
  } catch {
    return undefined
  }
}

function isRingKey(value: unknown): value is RingKey {
  if (typeof value !== 'object' || value === null) return false
  const { id, secret, createdAt }: { id?: unknown; secret?: unknown; createdAt?: unknown } = value
  return (
    typeof id === 'string' &&
    id.length === 4 &&
    typeof secret === 'string' &&
    Buffer.from(secret, 'base64url').length === 32 &&
    typeof createdAt === 'number'
  )
}

/**
 * Authenticated boxes (AES-256-GCM, NIST SP 800-38D) under one ring: a derived key per purpose (HKDF, RFC 5869),
 * the purpose in the associated data, so that a box of one purpose never opens as another.
 */
export interface KeyRing {
  /** base64url text: key id, nonce, tag and cipher text. */
  seal(purpose: string, plain: string): string
  /** The plain text, or undefined when the box is forged, foreign or of another purpose. */
  open(purpose: string, box: string): string | undefined
  /** Eight characters that are the same for the same text, under the current key: enough to compare, and no way back. */
  digest(purpose: string, text: string): string
  /** Takes a rotated ring; what the earlier keys sealed still opens while they are in it. */
  replace(next: RingFile): void
}

const nonceBytes = 12
const tagBytes = 16

/** What is needed of it to prove what one wrote. */
export type Seals = Pick<KeyRing, 'seal' | 'open'>

export function createKeyRing(first: RingFile): KeyRing {
  let ring = first
  const derived = new Map<string, Buffer>()
  const keyFor = (key: RingKey, purpose: string): Buffer => {
    const name = `${key.id} ${purpose}`
    let bytes = derived.get(name)
    if (bytes === undefined) {
      bytes = Buffer.from(
        hkdfSync('sha256', Buffer.from(key.secret, 'base64url'), '', `sallyport ${purpose}`, 32),
      )
      derived.set(name, bytes)
    }
    return bytes
  }
  if (ring.keys.length === 0) throw new Error('a key ring has at least one key')
  return {
    replace(next) {
      if (next.keys.length === 0) throw new Error('a key ring has at least one key')
      ring = next
      derived.clear()
    },
    digest(purpose, text) {
      const [current] = ring.keys
      if (current === undefined) throw new Error('a key ring has at least one key')
      return createHmac('sha256', keyFor(current, purpose)).update(text).digest('hex').slice(0, 8)
    },
    seal(purpose, plain) {
      const [current] = ring.keys
      if (current === undefined) throw new Error('a key ring has at least one key')
      const nonce = randomBytes(nonceBytes)
      const cipher = createCipheriv('aes-256-gcm', keyFor(current, purpose), nonce)
      cipher.setAAD(Buffer.from(purpose))
      const sealed = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()])
      return current.id + Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url')
    },
    open(purpose, box) {
      const key = ring.keys.find((candidate) => box.startsWith(candidate.id))
      if (key === undefined) return undefined
      const text = box.slice(key.id.length)
      const bytes = Buffer.from(text, 'base64url')
      // The decoder skips what it does not know; only the one spelling that was handed out opens.
      if (bytes.toString('base64url') !== text) return undefined
      if (bytes.length < nonceBytes + tagBytes) return undefined
      try {
        const decipher = createDecipheriv(
          'aes-256-gcm',
          keyFor(key, purpose),
          bytes.subarray(0, nonceBytes),
        )
        decipher.setAAD(Buffer.from(purpose))
        decipher.setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes))
        return (
          decipher.update(bytes.subarray(nonceBytes + tagBytes), undefined, 'utf8') +
          decipher.final('utf8')
        )
      } catch {
        return undefined
      }
    },
  }
}
