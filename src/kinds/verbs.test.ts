import { describe, expect, it } from 'vitest'
import { effectOf, repeatsName } from './verbs.ts'

describe('what a name says', () => {
  it.each([
    ['get_data_set', 'reads'],
    ['policy_set_definitions_list', 'reads'],
    ['list_post_comments', 'reads'],
    ['data_set', 'changes'],
    ['users_profile_set', 'changes'],
    ['set_address', 'changes'],
    ['settle_invoice', undefined],
    ['address_book', undefined],
    ['newsletter_delete', 'destroys'],
    ['post_delete_user', 'destroys'],
    ['commerce_create_note', 'adds'],
    ['card_add', 'adds'],
    ['order_edit_remove_discount', 'destroys'],
    ['create_or_update_card', 'changes'],
    ['get_and_delete_message', 'destroys'],
    ['find_or_create_cart', 'adds'],
    ['create_set', 'adds'],
    ['', undefined],
  ])('%s: %s', (name, effect) => {
    expect(effectOf(name)).toBe(effect)
  })
})

describe('descriptions of arguments', () => {
  it('that repeat the name say nothing', () => {
    for (const text of ['User ID', 'The user id.', 'userId', 'user_id'])
      expect(repeatsName(text, 'userId'), text).toBe(true)
  })

  it('that say more are kept', () => {
    for (const text of ['User ID, e.g. 7', 'Who', 'ID of the user', ''])
      expect(repeatsName(text, 'userId'), text).toBe(false)
  })
})
