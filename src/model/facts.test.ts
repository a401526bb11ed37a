import { expect, it } from 'vitest'
import { declaredIn, withoutFlag } from './facts.ts'

const raw =
  '{ "t\\u006fols": {"listChanged":true,"x":"tasks"}, "logging":null, "prompts":false, "resources":{"subscribe" : true}, "extensions":{"a/b":{"k":1},"c/d":3},"tasks":{"cancel":{},"requests":{"tools":{"call":{}}}}}'

it('is read from members, however they are spelled', () => {
  const { names, flags, extensions, tasks } = declaredIn(raw)
  expect([...names].sort()).toEqual(['a/b', 'c/d', 'extensions', 'resources', 'tasks', 'tools'])
  expect([...(flags.get('tools') ?? [])]).toEqual(['listChanged'])
  expect([...extensions]).toEqual([['a/b', '{"k":1}']])
  expect(tasks).toEqual({ ofTools: true, cancel: true })
})

it('is not taken from texts that only look like it', () => {
  const { names, tasks } = declaredIn('{"tools":{"note":"\\"logging\\" and \\"tasks\\""}}')
  expect([...names]).toEqual(['tools'])
  expect(tasks).toEqual({ ofTools: false, cancel: false })
})

it('loses a flag that turned out to be none, and nothing else', () => {
  const less = withoutFlag(declaredIn(raw), 'resources', 'subscribe')
  expect(less.raw).toBe(raw.replace('"subscribe" : true', '"subscribe" : false'))
  expect(less.flags.get('resources')).toEqual(new Set())
  const none = declaredIn('{"note":{"subscribe":true}}')
  expect(withoutFlag(none, 'resources', 'subscribe')).toBe(none)
})
