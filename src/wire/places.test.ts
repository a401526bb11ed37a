import { expect, it } from 'vitest'
import { scanObject } from '../kit/json-scan.ts'
import { membersAt, type Places, taskPlaces, uriPlaces } from './places.ts'
import { StreamEditor } from './stream-editor.ts'

const result = JSON.stringify({
  content: [
    { type: 'resource_link', uri: 'a:1', nested: { uri: 'no' } },
    { type: 'resource', resource: { uri: 'a:2', text: 'uri' } },
  ],
  contents: [{ uri: 'a:3' }],
  messages: [
    { uri: 'no', content: { uri: 'a:4', resource: { uri: 'a:5' } } },
    { content: [{ uri: 'a:6' }, { resource: { uri: 'a:7' } }] },
  ],
  result: { uri: 'no', content: [{ uri: 'a:8' }] },
  skill: { uri: 'a:9', resources: [{ uri: 'a:10' }] },
  resources: [{ uri: 'a:11' }, { resource: { uri: 'no' } }],
  structuredContent: { uri: 'no', taskId: 'no' },
  'content.[].uri': 'no',
  uri: 'no',
  taskId: 't',
  'task.taskId': 'no',
  task: { taskId: 't', inner: { taskId: 'no' } },
  _meta: { taskId: 'no', 'io.modelcontextprotocol/related-task': { taskId: 't' } },
})

const whole = (places: Places): string[] =>
  membersAt(places, scanObject(result, places, { depthMax: 9, refuseDuplicates: false })).map(
    ({ start, end }) => result.slice(start, end),
  )

/** What an editor replaces or marks, piece by piece. */
function edited(uriPrefix: string, taskId: string | undefined, size: number): string {
  const editor = new StreamEditor({
    uriPrefix,
    taskId,
    wrapsOutput: false,
    wrapsAlways: false,
    members: new Map(),
  })
  const bytes = Buffer.from(result)
  let text = ''
  for (let at = 0; at < bytes.length; at += size)
    text += editor.rewrite(bytes.subarray(at, at + size)).toString()
  return text + editor.finish().toString()
}

it('are the same ones in a result that is whole', () => {
  expect(whole(uriPlaces)).toEqual(Array.from({ length: 11 }, (_, at) => `"a:${at + 1}"`))
  expect(whole(taskPlaces)).toEqual(['"t"', '"t"', '"t"'])
})

it.each([1, 7, 10_000])('and in one that comes in pieces of %i bytes', (size) => {
  expect(edited('x/', undefined, size)).toBe(result.replaceAll('"a:', '"x/a:'))
  expect(edited('', 'mine', size)).toBe(result.replaceAll('"t"', '"mine"'))
})
