// Questions to the person, the model and the client, and tasks: what needs a conversation.
import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import { modernCall } from '../e2e/client.ts'
import { dig, digText } from '../e2e/json.ts'
import { type Answer, Cell, type Question } from './cell.ts'
import { proves } from './registry.ts'

const everythingDeclared = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} }

const answer: Answer = ({ method, params }) => {
  if (method === 'sampling/createMessage')
    return { role: 'assistant', content: { type: 'text', text: 'Paris' }, model: 'm' }
  if (method === 'roots/list') return { roots: [{ uri: 'file:///work' }] }
  if (dig(params, 'mode') === 'url') return { action: 'accept' }
  return { action: 'accept', content: { name: 'Ann', color: 'green', ok: true } }
}

const text = (message: unknown): string => digText(message, 'result', 'content', 0, 'text')

const ask = (cell: Cell, name: string, args = {}, given: Answer = answer) =>
  cell.talk('tools/call', { name, arguments: args }, given, { capabilities: everythingDeclared })

proves('questions', 'all', 'form elicitation and sampling get their answers', async (cell) => {
  const form = await ask(cell, 'test_input_required_result_elicitation')
  expect(text(form.message)).toBe('Hello, Ann!')
  const sampled = await ask(cell, 'test_input_required_result_sampling')
  expect(text(sampled.message)).toBe('Answer: Paris')
  expect(form.asked.map(({ method }) => method)).toEqual(['elicitation/create'])
})

proves('questions', 'all', 'several at once and one round after the other', async (cell) => {
  const many = await ask(cell, 'test_input_required_result_multiple_inputs')
  expect(text(many.message)).toContain('Paris Ann')
  expect(many.asked).toHaveLength(3)
  const rounds = await ask(cell, 'test_input_required_result_multi_round')
  expect(text(rounds.message)).toBe('Ann likes green')
})

proves('questions', 'all', 'prompts may ask, too', async (cell) => {
  const params = { name: 'test_input_required_result_prompt', arguments: {} }
  const context: Answer = () => ({ action: 'accept', content: { context: 'a walk' } })
  const options = { capabilities: everythingDeclared }
  const { message } = await cell.talk('prompts/get', params, context, options)
  expect(JSON.stringify(message)).toContain('a walk')
})

proves('questions', 'all', 'a person may decline', async (cell) => {
  const declined = await ask(cell, 'test_input_required_result_elicitation', {}, () => ({
    action: 'decline',
  }))
  expect(text(declined.message)).toBe('Hello, (not given)!')
})

proves('roots', 'all', 'are asked for and given', async (cell) => {
  const { message } = await ask(cell, 'test_input_required_result_list_roots')
  expect(text(message)).toContain('file:///work')
})

const isUrl = ({ params }: Question): boolean => dig(params, 'mode') === 'url'

proves('url-elicitation', 'all', 'is asked, and ends when the person is done', async (cell) => {
  const id = `url-${cell.id}-${process.pid}`
  const talk = await ask(cell, 'open_url', { id, turns: 2 })
  expect(text(talk.message)).toContain('signed in')
  expect(talk.asked.every(isUrl)).toBe(true)
  // A modern client of a modern server is asked again itself; a legacy client only once.
  expect(talk.asked).toHaveLength(cell.id === 'MM' ? 2 : 1)
  const elicitationId = dig(talk.asked[0]?.params, 'elicitationId')
  if (cell.client === 'legacy') expect(typeof elicitationId).toBe('string')
  if (cell.id === 'ML') expect(elicitationId).toBeUndefined()
  if (cell.id !== 'LM') return
  const done = talk.messages.find(
    (message) => dig(message, 'method') === 'notifications/elicitation/complete',
  )
  expect(dig(done, 'params', 'elicitationId')).toBe(elicitationId)
})

proves('url-elicitation', ['LM'], 'is not asked of revisions before 2025-11-25', async (cell) => {
  const options = { capabilities: { elicitation: { url: {} } }, revision: '2025-06-18' }
  const reply = await cell.tool('elicit_url', {}, options)
  expect(dig(reply.message, 'result', 'isError')).toBe(true)
})

proves('urls-required', ['LL', 'ML'], 'passes, or becomes a question', async (cell) => {
  const id = `pay-${cell.id}-${process.pid}`
  const talk = await ask(cell, 'pay_first', { id })
  if (cell.client === 'legacy') {
    expect(dig(talk.message, 'error', 'code')).toBe(-32042)
    expect(digText(talk.message, 'error', 'data', 'elicitations', 0, 'url')).toContain(id)
    return
  }
  expect(talk.asked).toHaveLength(1)
  expect(talk.asked.every(isUrl)).toBe(true)
  expect(dig(talk.asked[0]?.params, 'elicitationId')).toBeUndefined()
  expect(text(talk.message)).toBe('paid')
  const bare = await cell.tool('pay_first', { id: `${id}-bare` }, { capabilities: {} })
  expect([bare.status, dig(bare.message, 'error', 'code')]).toEqual([400, -32021])
})

proves('stdio-requests', ['LL', 'ML'], 'are attributed only when that is sound', async (cell) => {
  const { gateway } = cell.world
  const piped = new Cell(cell.id, { ...cell.world, at: () => gateway.server('piped') })
  const alone = await ask(piped, 'test_input_required_result_elicitation')
  expect(text(alone.message)).toBe('Hello, Ann!')
  const busy = ask(piped, 'slow', { ms: 1_500, steps: 15 })
  await delay(300)
  const crowded = await ask(piped, 'test_input_required_result_elicitation')
  expect(crowded.asked).toEqual([])
  expect(dig(crowded.message, 'result', 'isError')).toBe(true)
  expect(text((await busy).message)).toContain('slept')
})

proves('core-tasks', ['LL'], 'are relayed under ids of our own', async (cell) => {
  const session = await cell.session()
  const made = await session.request('tools/call', {
    name: 'slow_compute',
    arguments: { seconds: 0.3, label: 'core' },
    task: { ttl: 60_000 },
  })
  const taskId = digText(made.message, 'result', 'task', 'taskId')
  expect(taskId).not.toMatch(/^[0-9a-f]{8}-/)
  const now = await session.request('tasks/get', { taskId })
  expect(dig(now.message, 'result', 'taskId')).toBe(taskId)
  const result = await session.request('tasks/result', { taskId })
  expect(text(result.message)).toBe('computed core')
  const related = ['_meta', 'io.modelcontextprotocol/related-task', 'taskId']
  expect(dig(result.message, 'result', ...related)).toBe(taskId)
  const stranger = await cell.session({ key: cell.world.gateway.keyOf('other') })
  for (const method of ['tasks/get', 'tasks/result', 'tasks/cancel'])
    expect(dig((await stranger.request(method, { taskId })).message, 'error', 'code')).toBe(-32602)
})

proves('core-tasks', ['LM', 'ML'], 'are not there between the eras', async (cell) => {
  if (cell.client === 'legacy') {
    const { opening } = await cell.session()
    expect(dig(opening.message, 'result', 'capabilities', 'tasks')).toBeUndefined()
    const reply = await cell.request('tasks/get', { taskId: 'x' })
    expect(dig(reply.message, 'error', 'code')).toBe(-32601)
    return
  }
  const capabilities = { extensions: { 'io.modelcontextprotocol/tasks': {} } }
  const plain = await cell.tool('slow_compute', { seconds: 0, label: 'now' }, { capabilities })
  expect(text(plain.message)).toBe('computed now')
  const request = {
    taskId: 'x',
    _meta: { 'io.modelcontextprotocol/clientCapabilities': capabilities },
  }
  const headers = { 'mcp-name': 'x' }
  const reply = await modernCall(cell.url, cell.key, 'tasks/get', request, { headers })
  expect([reply.status, dig(reply.message, 'error', 'code')]).toEqual([404, -32601])
})
