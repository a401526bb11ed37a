/** Services that do not answer, or do not know all of, the newest introspection query. */

import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { buildSchema, graphqlSync } from 'graphql'
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { patienceMs } from '../../patience.ts'
import { executorFor } from './service.ts'

const schema = buildSchema('type Query { a(b: Int): String }')
const bodySchema = z.object({ query: z.string() })

async function describeFrom(answer: (query: string, response: ServerResponse) => void) {
  const asked: string[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const { query } = bodySchema.parse(JSON.parse(body))
    asked.push(query)
    answer(query, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/`
  const executor = executorFor({ url })
  onTestFinished(async () => {
    await executor.close()
    server.close()
  })
  const document = executor.describe?.(AbortSignal.timeout(patienceMs))
  if (document === undefined) throw new Error('it does not describe itself')
  return { asked, document }
}

const result = (query: string): string => JSON.stringify(graphqlSync({ schema, source: query }))

describe('introspection', () => {
  it('asks a service of today once', async () => {
    const { asked, document } = await describeFrom((query, response) => response.end(result(query)))
    const { text, mediaType } = await document
    expect(JSON.parse(text)).toHaveProperty('__schema.queryType.name', 'Query')
    expect([mediaType, asked.length]).toEqual(['application/json', 1])
  })

  it('asks an older one for what it knows', async () => {
    const { asked, document } = await describeFrom((query, response) => {
      const unknown = [
        'isOneOf',
        'specifiedByURL',
        'includeDeprecated: true) {\n          ...Input',
      ].find((word) => query.includes(word))
      if (unknown === undefined) response.end(result(query))
      else {
        response.statusCode = 400
        response.end(`{"errors":[{"message":"Cannot query field ${unknown.slice(0, 7)}"}]}`)
      }
    })
    expect(JSON.parse((await document).text)).toHaveProperty('__schema')
    expect(asked.length).toBe(3)
  })

  it.each([
    [200, '{"errors":[{"message":"introspection is off"}]}', 'description_unusable'],
    [403, '{"errors":[{"message":"no"}]}', 'description_unusable'],
    [401, 'who are you?', 'server_refused_us'],
    [200, '<html>', 'server_broken'],
  ])('says what is wrong: %i %s', async (status, body, code) => {
    const { document } = await describeFrom((_query, response) => {
      response.statusCode = status
      response.end(body)
    })
    await expect(document).rejects.toMatchObject({ code })
  })
})
