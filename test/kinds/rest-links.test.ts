/** Links of a description, followed by calls of a real server: what is told, and what is not. */

import { describe, expect, it, onTestFinished } from 'vitest'
import { createEgress } from '../../src/egress/guard.ts'
import { convertOpenapi } from '../../src/kinds/openapi/convert/convert.ts'
import { createRestExecutor } from '../../src/kinds/openapi/execute/executor.ts'
import { openapiSpec } from '../../src/model/kinds/openapi.ts'
import { patienceMs } from '../patience.ts'
import { bytesOf } from './contract.ts'
import { serve } from './rest-server.ts'

interface Answer {
  readonly status?: number
  readonly headers?: Record<string, string>
  readonly body?: string
}

const text = { schema: { type: 'string' } }
const number = { schema: { type: 'integer' } }
const target = {
  operationId: 'getOrder',
  parameters: [
    { name: 'id', in: 'path', required: true, ...number },
    { name: 'note', in: 'query', ...text },
    { name: 'any', in: 'query', schema: {} },
    { name: 'flag', in: 'query', schema: { type: ['boolean', 'null'] } },
  ],
  responses: {},
}

/** What is told after a call of `POST /orders`, whose answer has these links. */
async function told(links: object, answer: Answer, args: object = {}): Promise<readonly string[]> {
  const server = await serve((_request, response) => {
    const { status = 200, headers = {}, body = '' } = answer
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(body)
  })
  const secret = 'the-token-of-the-gateway'
  const executor = createRestExecutor({
    server: 'api',
    spec: openapiSpec.parse({ spec: 'api.yaml' }),
    credential: { bearer: secret },
    egress: createEgress({ named: ['127.0.0.1'], spec: { hosts: [], networks: [] } }),
    cursors: { seal: (sealed) => sealed, open: (sealed) => sealed },
    timeoutMs: patienceMs,
    now: Date.now,
  })
  onTestFinished(async () => {
    await executor.close()
    await server.stop()
  })
  const response = (more: object) => ({ description: 'ok', ...more })
  const description = {
    openapi: '3.1.0',
    info: { title: 'A', version: '1' },
    servers: [{ url: server.origin }],
    paths: {
      '/orders': {
        post: {
          operationId: 'search',
          parameters: [
            { name: 'page', in: 'query', ...number },
            { name: 'X-Tenant', in: 'header', ...text },
          ],
          requestBody: {
            content: {
              'application/json': {
                schema: { type: 'object', properties: { 'a-b': { type: 'object' }, c: number } },
              },
            },
          },
          responses: {
            200: response({ links }),
            201: response({}),
            '2XX': response({ links: { range: { operationId: 'hidden' } } }),
          },
        },
      },
      '/orders/{id}': { get: target },
      '/hidden': { get: { operationId: 'hidden', responses: {} } },
      '/self/{id}': { get: { ...target, operationId: 'self', responses: {} } },
    },
  }
  const location = '/specs/api.json'
  const { tools, common } = await convertOpenapi(
    openapiSpec.parse({ spec: location }),
    { location, text: JSON.stringify(description), mediaType: undefined },
    () => Promise.reject(new Error('nothing to read')),
  )
  const tool = tools.find(({ definition }) => definition.name === 'search')
  if (tool === undefined) throw new Error('it is no tool')
  const result: unknown = JSON.parse(
    (
      await bytesOf(
        await executor.run({
          plan: tool.plan,
          common,
          args: JSON.stringify(args),
          headers: {},
          principalId: 'key:test',
          nameOf: (name) => (name === 'hidden' ? undefined : `api__${name}`),
          signal: AbortSignal.timeout(patienceMs),
          progress: () => undefined,
        }),
      )
    ).toString(),
  )
  const { content }: { content: { text: string }[] } = Object(result)
  return content.slice(1).flatMap((block) => block.text.replaceAll(server.origin, '').split('\n'))
}

const get = (parameters: object) => ({ get: { operationId: 'getOrder', parameters } })
const next = (value: unknown) => ({ next: { operationId: 'search', parameters: { page: value } } })
const pageOf = (said: string): string =>
  `There are more results. For the next page call again with ${said} and the other arguments as they are.`
const callOf = (said: string): string => `Next you can call api__get_order with ${said}.`

describe('links to other operations', () => {
  it.each<[name: string, parameters: object, answer: Answer, wanted: readonly string[]]>([
    ['a pointer', { id: '$response.body#/a/1' }, { body: '{"a":[1,2]}' }, ['id = 2']],
    [
      'a number that no double holds',
      { id: '$response.body#/id' },
      { body: '{"id":12345678901234567890}' },
      ['id = 12345678901234567890'],
    ],
    ['a text for a number', { id: '$response.body#/id' }, { body: '{"id":"7"}' }, ['id = 7']],
    [
      'a number for a text',
      { id: 1, note: '$statusCode', flag: '$response.body#/f' },
      { body: '{"f":"true"}' },
      ['id = 1, note = "200", flag = true'],
    ],
    ['a header', { id: '$response.header.X-Id' }, { headers: { 'x-id': '9' } }, ['id = 9']],
    [
      'what was asked',
      { id: '$request.query.page', note: '$request.header.x-tenant', any: '$request.body#/a-b/d' },
      {},
      ['id = 2, note = "acme", any = [1]'],
    ],
    [
      'texts around expressions',
      { id: 1, note: '{$method} {$url}: {$request.body#/c}' },
      {},
      ['id = 1, note = "POST /orders?page=2: 3"'],
    ],
    [
      'an object',
      { id: 1, any: '$response.body' },
      { body: '{"x":1.5}' },
      ['id = 1, any = {"x":1.5}'],
    ],
    [
      'scalars of an answer that streams',
      { id: '$response.body#/order/id', note: '$response.body#/n' },
      { body: `{"order":{"id":12345678901234567890},"pad":"${'x'.repeat(1_500_000)}","n":"é"}` },
      ['id = 12345678901234567890, note = "é"'],
    ],
    [
      'an object of an answer that streams',
      { id: '$response.body#/order/id', any: '$response.body#/order' },
      { body: `{"order":{"id":7},"pad":"${'x'.repeat(1_500_000)}"}` },
      ['id = 7'],
    ],
    [
      'no value for what is needed',
      { id: '$response.body#/id', note: 'x' },
      { body: '{"id":null}' },
      [],
    ],
    ['no value for another', { id: 1, note: '$response.body#/x' }, { body: '{}' }, ['id = 1']],
    ['what the tool does not take', { id: '$response.body#/id' }, { body: '{"id":{"a":1}}' }, []],
    ['a text that is no number', { id: '$response.body#/id' }, { body: '{"id":"0x10"}' }, []],
    ['members of the prototype', { id: '$response.body#/constructor/length' }, { body: '{}' }, []],
    ['the length of a list', { id: '$response.body#/length' }, { body: '[1,2]' }, []],
    ['an answer that is no JSON', { id: '$response.body#/id' }, { body: 'id' }, []],
    [
      'a long value',
      { id: 1, any: '$response.body' },
      { body: `["${'x'.repeat(3_000)}"]` },
      ['id = 1'],
    ],
    [
      'the secret that the answer repeats',
      { id: 1, note: '$response.header.x-echo' },
      { headers: { 'x-echo': 'the-token-of-the-gateway' } },
      ['id = 1, note = "[redacted]"'],
    ],
    ['a refusal', { id: 1 }, { status: 404, body: '{}' }, []],
    ['an answer with other links', { id: 1 }, { status: 202, body: '{}' }, []],
  ])('%s', async (_, parameters, answer, wanted) => {
    const args = { page: 2, 'X-Tenant': 'acme', 'a-b': { d: [1] }, c: 3 }
    expect(await told(get(parameters), answer, args)).toEqual(wanted.map(callOf))
  })

  it('that the caller may not call are not named', async () => {
    expect(await told({ a: { operationId: 'hidden' } }, { body: '{}' })).toEqual([])
  })

  it('are five at most, each once', async () => {
    const many = Object.fromEntries(
      Array.from({ length: 18 }, (_, n) => [`l${n}`, { ...get({ id: n >> 1 }).get }]),
    )
    expect(await told(many, { body: '{}' })).toEqual(
      [0, 1, 2, 3, 4].map((id) => callOf(`id = ${id}`)),
    )
  })
})

describe('links to the same operation', () => {
  it.each<[name: string, links: object, body: string, wanted: readonly string[]]>([
    ['a value', next('$response.body#/next'), '{"next":3}', [pageOf('page = 3')]],
    [
      'before the usual ones',
      next('$response.body#/n'),
      '{"n":3,"next_page":9}',
      [pageOf('page = 3')],
    ],
    ['no value', next('$response.body#/next'), '{"next":null}', []],
    ['none, so the usual ones', next('$response.body#/n'), '{"next_page":9}', [pageOf('page = 9')]],
    ['the page that was asked for', next('$response.body#/page'), '{"page":2}', []],
    ['the last page', next('$response.body#/n'), '{"n":3,"has_next":false}', []],
    [
      'in the body, beside another call',
      {
        ...get({ id: 4 }),
        more: { operationId: 'search', requestBody: { c: 8 } },
      },
      '{}',
      [pageOf('c = 8'), callOf('id = 4')],
    ],
  ])('%s', async (_, links, body, wanted) => {
    expect(await told(links, { body }, { page: 2 })).toEqual(wanted)
  })
})
