import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toolName, toolNames } from './tool-name.ts'

const legal = /^[A-Za-z0-9_-]{1,64}$/

describe('toolName', () => {
  it.each([
    ['listPets', 'list_pets'],
    ['listPetsByHTTPStatus', 'list_pets_by_http_status'],
    ['repos/list-for-org', 'repos_list_for_org'],
    ['GET /pets/{petId}', 'get_pets_pet_id'],
    ['getOAuth2Token', 'get_oauth2_token'],
    ['pets.v1.PetService/GetPet', 'pets_v1_pet_service_get_pet'],
    ['Übersicht abrufen', 'ubersicht_abrufen'],
    ['  __x__  ', 'x'],
    ['2fa_enable', '2fa_enable'],
  ])('%s is %s', (words, name) => {
    expect(toolName(words)).toBe(name)
  })

  it('has no name for what has no letters', () => {
    expect(toolName('取得')).toBeUndefined()
    expect(toolName('///')).toBeUndefined()
  })

  it('cuts long names between words and keeps them apart', () => {
    const long = 'getOrganizationActionsPermissionsSelectedActionsAndReusableWorkflows'
    const name = toolName(long) ?? ''
    expect(name).toMatch(/^get_organization_actions_permissions_selected_[a-z_]*_[0-9a-f]{6}$/)
    expect(name.length).toBeLessThanOrEqual(64)
    expect(toolName(`${long}Too`)).not.toBe(name)
  })

  it('is always legal', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (words) => {
        const name = toolName(words)
        if (name !== undefined) expect(name).toMatch(legal)
      }),
    )
  })
})

/** Operations whose wishes often collide. */
const operations = fc.uniqueArray(
  fc.record({
    operation: fc.string({ minLength: 1, maxLength: 4 }),
    wishes: fc.array(fc.constantFrom('a', 'b', 'getA', 'get_a', '', '取', 'x'.repeat(90)), {
      maxLength: 3,
    }),
  }),
  { selector: (one) => one.operation, maxLength: 30 },
)

describe('toolNames', () => {
  it('names each operation once, legally, whatever the order', () => {
    fc.assert(
      fc.property(operations, (some) => {
        const names = toolNames(some)
        expect(names.size).toBe(some.length)
        expect(new Set(names.values()).size).toBe(some.length)
        for (const name of names.values()) expect(name).toMatch(legal)
        expect(toolNames([...some].reverse())).toEqual(names)
      }),
    )
  })

  it('leaves the names of others alone when an operation is added that collides with none', () => {
    fc.assert(
      fc.property(operations, (some) => {
        const added = { operation: 'a new one', wishes: ['somethingElse'] }
        const names = toolNames([...some, added])
        expect(names.get('a new one')).toBe('something_else')
        for (const [operation, name] of toolNames(some)) expect(names.get(operation)).toBe(name)
      }),
    )
  })

  it('gives a second wish before a hash, and nobody the first wish of another', () => {
    const names = toolNames([
      { operation: 'GET /pets', wishes: ['list', 'get_pets'] },
      { operation: 'GET /stores', wishes: ['list', 'get_stores'] },
      { operation: 'GET /x', wishes: ['get_stores'] },
    ])
    expect(names.get('GET /pets')).toBe('list')
    expect(names.get('GET /x')).toBe('get_stores')
    expect(names.get('GET /stores')).toMatch(/^list_[0-9a-f]{6}$/)
  })
})
