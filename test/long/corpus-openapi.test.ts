/** Every schema of every tool of every real description compiles, in clients and in the gateway. */
import { describe, expect, test } from 'vitest'
import {
  checkArguments,
  checkSchemas,
  convertText,
  corpus,
  dangling,
} from '../apis/openapi-corpus.ts'

describe.each(['openapi', 'openapi-2'] as const)('%s', (folder) => {
  test.each(corpus(folder))('$name', async ({ text }) => {
    const { tools } = await convertText(text)
    for (const tool of tools) {
      checkSchemas(tool)
      checkArguments(tool)
    }
  })
})

test('the check sees a reference that leads nowhere, and a definition that nobody needs', () => {
  expect(dangling({ $ref: '#/$defs/a' })).toEqual(['#/$defs/a'])
  expect(dangling({ $defs: { b: {} } })).toEqual(['b'])
})
