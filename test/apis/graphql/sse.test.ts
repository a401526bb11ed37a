/** Subscriptions over graphql-sse in distinct connections mode, and credentials that need more than a header. */

import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Credential } from '../../../src/model/credential.ts'
import type { GraphqlPlan } from '../../../src/model/kinds/graphql.ts'
import { GatewayError } from '../../../src/model/refusal.ts'
import { patienceMs } from '../../patience.ts'
import { executorFor, readAnswer } from './service.ts'

type Handle = (request: IncomingMessage, response: ServerResponse, body: string) => void

async function serve(handle: Handle): Promise<string> {
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    handle(request, response, body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/graphql`
}

const document = 'subscription ticks($to: Int) { ticks(to: $to) }'
const subscription: GraphqlPlan = {
  kind: 'subscription',
  document,
  operationName: 'ticks',
  own: { limit: 'limit', seconds: 'seconds' },
}
const query: GraphqlPlan = {
  kind: 'document',
  type: 'query',
  document: 'query a { a }',
  operationName: 'a',
}

function run(url: string, plan: GraphqlPlan, args: unknown, credential?: Credential) {
  const executor = executorFor({ url, subscriptions: { transport: 'sse' } }, credential)
  onTestFinished(() => executor.close())
  return executor
    .run({
      plan,
      common: {
        url,
        subscriptions: { url, transport: 'sse' },
        query: { mutations: false, introspection: false, depthMax: 8, costMax: 100 },
      },
      args: JSON.stringify(args),
      headers: {},
      principalId: 'key:test',
      signal: AbortSignal.timeout(patienceMs),
      progress: () => undefined,
    })
    .then(readAnswer)
}

const events = { 'content-type': 'text/event-stream; charset=utf-8' }

describe('graphql-sse', () => {
  it('answers with the messages up to complete', async () => {
    const url = await serve((request, response, body) => {
      expect(request.headers.accept).toContain('text/event-stream')
      expect(JSON.parse(body)).toEqual({
        query: document,
        operationName: 'ticks',
        variables: { to: 2 },
      })
      response.writeHead(200, events)
      response.write(': ping\n\nevent: next\ndata: {"data":{"ticks":1234567890123456789012}}\n\n')
      response.end('event: next\ndata: {"data":{"ticks":2}}\n\nevent: complete\ndata:\n\n')
    })
    const { raw, structured } = await run(url, subscription, { to: 2 })
    expect(structured).toMatchObject({ messages: [{}, { ticks: 2 }], ended: 'completed' })
    expect(raw).toContain('{"ticks":1234567890123456789012}')
  })

  it('closes the stream at its limit', async () => {
    const closed = Promise.withResolvers<void>()
    const url = await serve((_request, response) => {
      response.writeHead(200, events)
      const timer = setInterval(() => response.write('event: next\ndata: {"data":{"a":1}}\n\n'), 5)
      response.on('close', () => {
        clearInterval(timer)
        closed.resolve()
      })
    })
    const { structured } = await run(url, subscription, { limit: 2 })
    expect(structured).toEqual({ messages: [{ a: 1 }, { a: 1 }], ended: 'limit' })
    await closed.promise
  })

  it('tells errors of the operation and of events', async () => {
    const refused = await serve((_request, response) => {
      response.writeHead(400, { 'content-type': 'application/json' })
      response.end('{"errors":[{"message":"no such field"}]}')
    })
    const answer = await run(refused, subscription, {})
    expect([answer.isError, answer.text]).toEqual([
      true,
      'The API answered with an error: no such field',
    ])
    const broken = await serve((_request, response) => {
      response.writeHead(200, events)
      response.end('event: next\ndata: nonsense\n\n')
    })
    await expect(run(broken, subscription, {})).rejects.toMatchObject({ code: 'server_broken' })
  })

  it('ends when messages are larger than is held', async () => {
    const url = await serve((_request, response) => {
      response.writeHead(200, events)
      const data = `event: next\ndata: {"data":{"a":"${'x'.repeat(1_000_000)}"}}\n\n`
      const more = (): void => {
        if (!response.destroyed) response.write(data, () => more())
      }
      more()
    })
    await expect(run(url, subscription, { limit: 1_000 })).rejects.toMatchObject({
      code: 'answer_too_large',
    })
  })
})

describe('credentials', () => {
  it('travel in the query', async () => {
    const url = await serve((request, response) => {
      response.end(JSON.stringify({ data: { a: request.url } }))
    })
    const { raw } = await run(url, query, {}, { query: { name: 'api key', value: 's&cret+1' } })
    expect(raw).toContain('/graphql?api+key=[redacted]')
  })

  it('are fetched from a token endpoint, and again when one is refused', async () => {
    let tokens = 0
    const tokenUrl = await serve((_request, response) => {
      response.setHeader('content-type', 'application/json')
      response.end(`{"access_token":"token-${++tokens}-of-the-service","token_type":"bearer"}`)
    })
    const url = await serve((request, response) => {
      const fits = request.headers.authorization === 'Bearer token-2-of-the-service'
      response.statusCode = fits ? 200 : 401
      response.end(fits ? '{"data":{"a":1}}' : '{"errors":[{"message":"expired"}]}')
    })
    const credential = { oauth: { clientId: 'id', clientSecret: 'very-secret', tokenUrl } }
    expect((await run(url, query, {}, credential)).structured).toEqual({ a: 1 })
    expect(tokens).toBe(2)
  })

  it('that a schema cannot name are refused', async () => {
    const url = await serve((_request, response) => response.end('{}'))
    const refused = run(url, query, {}, { schemes: { key: { bearer: 'x' } } })
    await expect(refused).rejects.toBeInstanceOf(GatewayError)
  })
})

describe('answers that are no results', () => {
  it.each([
    [502, 'text/html', '<h1>Bad gateway</h1>', /HTTP status 502.*Bad gateway/s],
    [301, 'text/plain', '', /points to http:\/\/elsewhere\.example\//],
    [403, 'text/plain', 'not you', /HTTP status 403.*not you/s],
  ])('with status %i are told in their words', async (status, type, body, words) => {
    const url = await serve((_request, response) => {
      response.writeHead(status, { 'content-type': type, location: 'http://elsewhere.example/' })
      response.end(body)
    })
    const { isError, text } = await run(url, query, {})
    expect(isError).toBe(true)
    expect(text).toMatch(words)
  })

  it('with success break the protocol', async () => {
    const url = await serve((_request, response) => response.end('<html>'))
    await expect(run(url, query, {})).rejects.toMatchObject({ code: 'server_broken' })
  })
})
