import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createKeyRing, newRingKey, parseRing, type RingFile, rotateRing } from './key-ring.ts'

const file: RingFile = { keys: [newRingKey(1_000)] }
const ring = createKeyRing(file)
const overlapMs = 30 * 86_400_000

test('opens what it sealed, for the same purpose only', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.string(), (purpose, other, plain) => {
      const text = plain.toWellFormed()
      const box = ring.seal(purpose, text)
      expect(box).toMatch(/^[A-Za-z0-9_-]+$/)
      expect(ring.open(purpose, box)).toBe(text)
      if (other !== purpose) expect(ring.open(other, box)).toBeUndefined()
    }),
  )
})

test('two boxes of one text differ', () => {
  expect(ring.seal('p', 'x')).not.toBe(ring.seal('p', 'x'))
})

test('opens no box in which any byte was changed, cut off or added', () => {
  const box = ring.seal('session', 'local|abcdef|2025-11-25')
  const head = box.slice(0, 4)
  const bytes = Buffer.from(box.slice(4), 'base64url')
  for (let at = 0; at < bytes.length; at++) {
    for (const bit of [1, 0x80]) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ bit
      expect(ring.open('session', head + changed.toString('base64url'))).toBeUndefined()
    }
    expect(ring.open('session', head + bytes.subarray(0, at).toString('base64url'))).toBeUndefined()
  }
  const longer = Buffer.concat([bytes, Buffer.alloc(1)])
  expect(ring.open('session', head + longer.toString('base64url'))).toBeUndefined()
  for (let at = 0; at < 4; at++) {
    const prefix = `${head.slice(0, at)}${head[at] === 'A' ? 'B' : 'A'}${head.slice(at + 1)}`
    expect(ring.open('session', prefix + box.slice(4))).toBeUndefined()
  }
})

test('opens no other spellings of a box', () => {
  const box = ring.seal('p', 'four')
  for (const other of [`${box}=`, `${box}!`, `${box} `, `${box.slice(0, 10)}\n${box.slice(10)}`])
    expect(ring.open('p', other)).toBeUndefined()
})

test('opens nothing that it did not make', () => {
  const foreign = createKeyRing({ keys: [newRingKey(1)] })
  const sameId = createKeyRing({ keys: [{ ...newRingKey(1), id: file.keys[0]?.id ?? '' }] })
  expect(ring.open('p', foreign.seal('p', 'x'))).toBeUndefined()
  expect(ring.open('p', sameId.seal('p', 'x'))).toBeUndefined()
  fc.assert(fc.property(fc.string(), (text) => ring.open('p', text) === undefined))
  const prefix = file.keys[0]?.id ?? ''
  fc.assert(fc.property(fc.string(), (text) => ring.open('p', prefix + text) === undefined))
})

test('rotation: the new key seals, earlier ones open until their boxes have expired', () => {
  const before = ring.seal('p', 'x')
  const rotated = rotateRing(file, 2_000)
  const next = createKeyRing(rotated)
  expect(rotated.keys.length).toBe(2)
  expect(next.open('p', before)).toBe('x')
  expect(next.seal('p', 'y').startsWith(rotated.keys[0]?.id ?? '?')).toBe(true)
  expect(ring.open('p', next.seal('p', 'y'))).toBeUndefined()
  const soon = rotateRing(rotated, 2_000 + overlapMs - 1)
  expect(createKeyRing(soon).open('p', before)).toBe('x')
  const later = rotateRing(rotated, 2_000 + overlapMs)
  expect(createKeyRing(later).open('p', before)).toBeUndefined()
})

test('a ring never grows without end', () => {
  let grown = file
  for (let now = 0; now < 50; now++) grown = rotateRing(grown, now)
  expect(grown.keys.length).toBeLessThanOrEqual(8)
})

test('a ring survives its file; what is none is refused', () => {
  const read = parseRing(JSON.stringify(file))
  expect(read).toEqual(file)
  const [key] = file.keys
  for (const text of [
    '',
    'null',
    '[]',
    '{}',
    '{"keys":{}}',
    '{"keys":[]}',
    '{"keys":[1]}',
    JSON.stringify({ keys: [key, { ...key, secret: 'short' }] }),
    JSON.stringify({ keys: [{ ...key, id: 'abc' }] }),
    JSON.stringify({ keys: [{ ...key, createdAt: '1' }] }),
  ])
    expect(parseRing(text)).toBeUndefined()
})
