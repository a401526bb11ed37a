import { expect, test } from 'vitest'
import { olderContent, olderQuestion } from './older.ts'

const link = { type: 'resource_link', uri: 'a:///x', name: 'x', annotations: { priority: 1 } }
const audio = { type: 'audio', data: 'AAAA', mimeType: 'audio/wav' }
const text = { type: 'text', text: 'see "audio"' }

function applied(value: unknown, revision: '2024-11-05' | '2025-03-26' | '2025-06-18'): unknown {
  const bytes = Buffer.from(JSON.stringify(value))
  let out = ''
  let from = 0
  for (const edit of olderContent(bytes, revision, 'crm+')) {
    out += bytes.toString('utf8', from, edit.start) + edit.text
    from = edit.end
  }
  return JSON.parse(out + bytes.toString('utf8', from))
}

const linkText = {
  type: 'text',
  text: '[link to the resource "x": crm+a:///x]',
  annotations: { priority: 1 },
}
const audioText = {
  type: 'text',
  text: "[audio (audio/wav), which this client's revision of MCP cannot carry]",
}

test('content becomes a text in the revisions that lack it', () => {
  const content = [text, link, audio, { type: 'new', x: 1 }]
  expect(applied({ content }, '2024-11-05')).toEqual({
    content: [text, linkText, audioText, { type: 'new', x: 1 }],
  })
  expect(applied({ content }, '2025-03-26')).toEqual({
    content: [text, linkText, audio, { type: 'new', x: 1 }],
  })
  expect(applied({ content }, '2025-06-18')).toEqual({ content })
})

test('so does that of the messages of prompts, alone or in a list', () => {
  const messages = [
    { role: 'user', content: audio },
    { role: 'user', content: [text, link] },
  ]
  expect(applied({ messages }, '2024-11-05')).toEqual({
    messages: [
      { role: 'user', content: audioText },
      { role: 'user', content: [text, linkText] },
    ],
  })
})

test('what only looks like content stays', () => {
  const odd = { content: { type: 'audio' }, structuredContent: { content: [audio] }, _meta: audio }
  expect(
    applied({ ...odd, content: [{ type: 'resource', resource: audio }] }, '2024-11-05'),
  ).toEqual({ ...odd, content: [{ type: 'resource', resource: audio }] })
})

test('messages to a model have one block in older revisions', () => {
  const params = `{"maxTokens":1.0,"messages":[{"role":"user","content":${JSON.stringify([text, audio])}},{"role":"assistant","content":{"type":"tool_use","id":"1","name":"add","input":{"a":12345678901234567890}}}]}`
  expect(olderQuestion(params, '2025-11-25')).toBe(params)
  expect(JSON.parse(olderQuestion(params, '2024-11-05'))).toEqual({
    maxTokens: 1,
    messages: [
      { role: 'user', content: text },
      { role: 'user', content: audioText },
      {
        role: 'assistant',
        content: { type: 'text', text: '[use of the tool "add": {"a":12345678901234567890}]' },
      },
    ],
  })
})
