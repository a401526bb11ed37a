import { describe, expect, test } from 'vitest'
import { StreamEditor, type StreamEdits } from './stream-editor.ts'

const plain: StreamEdits = {
  uriPrefix: '',
  taskId: undefined,
  wrapsOutput: false,
  wrapsAlways: false,
  members: new Map(),
}
const modern = new Map([['resultType', '"complete"']])

/** What comes out when the text arrives in these pieces. */
function edited(edits: StreamEdits, pieces: readonly Buffer[]): string {
  const editor = new StreamEditor(edits)
  const out = pieces.map((piece) => editor.rewrite(piece))
  return Buffer.concat([...out, editor.finish()]).toString()
}

const cases: readonly (readonly [string, StreamEdits, string, string])[] = [
  [
    'a prefix before a URI',
    { ...plain, uriPrefix: 'f+' },
    '{"content":[{"type":"resource_link","uri":"file:///ä","name":"x"}]}',
    '{"content":[{"type":"resource_link","uri":"f+file:///ä","name":"x"}]}',
  ],
  [
    'a prefix behind the scheme of an app',
    { ...plain, uriPrefix: 'f+' },
    '{"contents":[{"uri":"ui://view/a","text":"t"},{"uri":"ui://b"},{"uri":"ui:"}]}',
    '{"contents":[{"uri":"ui://f+view/a","text":"t"},{"uri":"ui://f+b"},{"uri":"f+ui:"}]}',
  ],
  [
    'the id of a task',
    { ...plain, taskId: 'ours' },
    '{"taskId":"theirs","status":"working","x":{"taskId":"inner"}}',
    '{"taskId":"ours","status":"working","x":{"taskId":"inner"}}',
  ],
  [
    'wrapped output',
    { ...plain, wrapsOutput: true },
    '{"structuredContent":[1,{"structuredContent":2}],"content":[]}',
    '{"structuredContent":{"result":[1,{"structuredContent":2}]},"content":[]}',
  ],
  [
    'an object that is output already',
    { ...plain, wrapsOutput: true },
    '{"structuredContent":{"a":1}}',
    '{"structuredContent":{"a":1}}',
  ],
  [
    'members that lack',
    { ...plain, members: modern },
    '{"a":1}',
    '{"a":1,"resultType":"complete"}',
  ],
  ['members of nothing', { ...plain, members: modern }, '{ }', '{ "resultType":"complete"}'],
  [
    'members that say something else',
    { ...plain, members: modern },
    '{"resultType":"input_required","a":{"resultType":"x"}}',
    '{"resultType":"complete","a":{"resultType":"x"}}',
  ],
  [
    'several at once',
    { uriPrefix: 'f+', taskId: undefined, wrapsOutput: true, wrapsAlways: true, members: modern },
    '{"content":[{"resource":{"uri":"ui://v"}}],"structuredContent":{"uri":"a://1"}}',
    '{"content":[{"resource":{"uri":"ui://f+v"}}],"structuredContent":{"result":{"uri":"a://1"}},"resultType":"complete"}',
  ],
]

describe('wherever a result is cut, it gets', () => {
  test.each(cases)('%s', (_name, edits, text, expected) => {
    const bytes = Buffer.from(text)
    for (let cut = 0; cut <= bytes.length; cut++)
      expect(edited(edits, [bytes.subarray(0, cut), bytes.subarray(cut)]), `cut at ${cut}`).toBe(
        expected,
      )
    const single = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))
    expect(edited(edits, single)).toBe(expected)
  })
})
