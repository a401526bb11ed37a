import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Candidate, select } from './selection.ts'

const pets: readonly Candidate[] = [
  { operation: 'GET /pets', name: 'list_pets', place: '#/paths/~1pets/get' },
  { operation: 'GET /pets/{id}', name: 'get_pet', place: '#/paths/~1pets~1{id}/get' },
  { operation: 'DELETE /pets/{id}', name: 'delete_pet', place: '#/paths/~1pets~1{id}/delete' },
]
const nothing = { include: [], exclude: [], rename: {} }
const names = (given: readonly Candidate[]): string[] => given.map(({ name }) => name)

describe('select', () => {
  it('keeps all without a selection', () => {
    expect(select(pets, nothing)).toEqual({ kept: pets, skipped: [], notes: [] })
  })

  it('takes patterns over operations and over names', () => {
    const { kept, skipped } = select(pets, { ...nothing, include: ['GET *', 'delete_*'] })
    expect(names(kept)).toEqual(['list_pets', 'get_pet', 'delete_pet'])
    expect(skipped).toEqual([])
    expect(names(select(pets, { ...nothing, include: ['*_pets'] }).kept)).toEqual(['list_pets'])
  })

  it('reports what is left out, with its place', () => {
    const { kept, skipped } = select(pets, {
      ...nothing,
      include: ['*pet*'],
      exclude: ['DELETE *'],
    })
    expect(names(kept)).toEqual(['list_pets', 'get_pet'])
    expect(skipped).toEqual([
      {
        operation: 'DELETE /pets/{id}',
        code: 'excluded',
        reason: 'operations.exclude has "DELETE *"',
        place: '#/paths/~1pets~1{id}/delete',
      },
    ])
  })

  it('renames by operation and by name, also crosswise', () => {
    const rename = { 'GET /pets': 'get_pet', get_pet: 'list_pets' }
    expect(names(select(pets, { ...nothing, rename }).kept)).toEqual([
      'get_pet',
      'list_pets',
      'delete_pet',
    ])
  })

  it('says which patterns and names fit nothing', () => {
    const { notes } = select(pets, {
      include: ['*', 'GET /stores'],
      exclude: ['nobody_*'],
      rename: { list_pet: 'all' },
    })
    expect(notes.map(({ code, operation, place }) => [code, operation, place])).toEqual([
      ['reference_unresolved', 'GET /stores', 'operations.include'],
      ['reference_unresolved', 'nobody_*', 'operations.exclude'],
      ['reference_unresolved', 'list_pet', 'operations.rename'],
    ])
    expect(notes[2]?.reason).toContain('did you mean "list_pets"?')
  })

  it('counts what is kept, not what there is: of any number a part can be taken', () => {
    const many = Array.from({ length: 40_002 }, (_, at) => ({
      ...{ operation: `GET /${at}`, name: `get_${at}`, place: '#' },
    }))
    const { kept, skipped } = select(many, nothing)
    expect(kept).toHaveLength(40_000)
    expect(skipped.map(({ operation, code }) => [operation, code])).toEqual([
      ['GET /40000', 'description_too_large'],
      ['GET /40001', 'description_too_large'],
    ])
    expect(skipped[0]?.reason).toContain('operations.include')
    expect(names(select(many, { ...nothing, include: ['GET /40001'] }).kept)).toEqual(['get_40001'])
  })

  it('gives no name twice', () => {
    const { kept, notes } = select(pets, { ...nothing, rename: { list_pets: 'get_pet' } })
    expect(names(kept)).toEqual(['list_pets', 'get_pet', 'delete_pet'])
    expect(notes[0]?.code).toBe('duplicate')
  })

  it('loses nothing and keeps names apart, whatever the selection', () => {
    const word = fc.constantFrom('*', 'GET *', 'list_pets', 'get_pet', 'delete_pet', 'x')
    const selection = fc.record({
      include: fc.array(word, { maxLength: 3 }),
      exclude: fc.array(word, { maxLength: 3 }),
      rename: fc.dictionary(word, word),
    })
    fc.assert(
      fc.property(selection, (given) => {
        const { kept, skipped } = select(pets, given)
        expect(kept.length + skipped.length).toBe(pets.length)
        expect(new Set(names(kept)).size).toBe(kept.length)
      }),
    )
  })
})
