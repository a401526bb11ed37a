/** Links of a description by the public door: pages are turned by them, and other tools named as the caller knows them. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Running, serve } from '../kinds/rest-server.ts'
import { eventually, modernCall, modernTool, type Reply } from './client.ts'
import { everything, startGateway, type TestGateway } from './gateway.ts'
import { dig, digText, names } from './json.ts'

const id = { name: 'id', in: 'path', required: true, schema: { type: 'integer' } }
const description = {
  openapi: '3.1.0',
  info: { title: 'Orders', version: '1' },
  paths: {
    '/orders': {
      get: {
        operationId: 'listOrders',
        parameters: [
          { name: 'page', in: 'query', schema: { type: 'integer', minimum: 1 } },
          { name: 'status', in: 'query', schema: { type: 'string' } },
        ],
        responses: {
          200: {
            description: 'ok',
            links: {
              more: {
                operationId: 'listOrders',
                parameters: { page: '$response.body#/following' },
              },
              newest: { $ref: '#/components/links/newest' },
            },
          },
        },
      },
    },
    '/orders/{id}': {
      get: { operationId: 'getOrder', parameters: [id], responses: {} },
    },
  },
  components: {
    links: {
      newest: {
        operationRef: '#/paths/~1orders~1{id}/get',
        parameters: { id: '$response.body#/orders/0/id' },
      },
    },
  },
}

let folder = ''
let api: Running
let gateway: TestGateway

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-links-'))
  const spec = join(folder, 'orders.json')
  await writeFile(spec, JSON.stringify(description))
  api = await serve((request, response) => {
    const url = new URL(request.url ?? '', 'http://api')
    const page = Number(url.searchParams.get('page') ?? 1)
    response.setHeader('content-type', 'application/json')
    response.end(
      url.pathname === '/orders'
        ? `{"orders":[{"id":900719925474099${page}${page}}],"following":${page < 3 ? page + 1 : null}}`
        : `{"path":${JSON.stringify(url.pathname)}}`,
    )
  })
  gateway = await startGateway({
    keys: { first: everything, lister: { roles: ['lister'] } },
    config: {
      servers: {
        orders: {
          openapi: {
            spec,
            baseUrl: api.origin,
            operations: { rename: { 'GET /orders/{id}': 'one_order' } },
          },
        },
      },
      roles: { lister: { allow: ['orders/list_orders'] } },
    },
  })
  await eventually(async () => {
    const { message } = await modernCall(gateway.url, gateway.key, 'tools/list')
    return dig(message, 'result') !== undefined && names(message, 'tools').length === 2
  })
})

afterAll(async () => {
  await gateway?.stop()
  await api?.stop()
  await rm(folder, { recursive: true, force: true })
})

function noteOf({ message }: Reply): string {
  return dig(message, 'result', 'content', 1) === undefined
    ? ''
    : digText(message, 'result', 'content', 1, 'text')
}

describe('links of a description', () => {
  test('lead from page to page', async () => {
    const pages: unknown[] = []
    let page: number | undefined = 1
    while (page !== undefined && pages.length < 10) {
      const args: object = { status: 'open', page }
      const reply: Reply = await modernTool(gateway.url, gateway.key, 'orders__list_orders', {
        ...args,
      })
      pages.push(dig(reply.message, 'result', 'structuredContent', 'following'))
      const next: string | undefined = /call again with page = (\d+) and the other/.exec(
        noteOf(reply),
      )?.[1]
      page = next === undefined ? undefined : Number(next)
    }
    expect(pages).toEqual([2, 3, null])
  })

  test('name another tool as it is called at the endpoint, and its arguments are taken', async () => {
    for (const [url, prefix] of [
      [gateway.url, 'orders__'],
      [gateway.server('orders'), ''],
    ] as const) {
      const reply = await modernTool(url, gateway.key, `${prefix}list_orders`, { page: 3 })
      const [, tool = '', value = ''] =
        /^Next you can call (\w+) with id = (\d+)\.$/.exec(noteOf(reply)) ?? []
      expect([tool, value]).toEqual([`${prefix}one_order`, '90071992547409933'])
      const raw = JSON.parse(`{"id":${value.slice(0, 15)}}`)
      const called = await modernTool(url, gateway.key, tool, raw)
      expect(dig(called.message, 'result', 'structuredContent', 'path')).toBe(
        `/orders/${value.slice(0, 15)}`,
      )
    }
  })

  test('name no tool that the caller may not call', async () => {
    const key = gateway.keyOf('lister')
    const last = await modernTool(gateway.url, key, 'orders__list_orders', { page: 3 })
    expect(dig(last.message, 'result', 'isError')).not.toBe(true)
    expect(last.text).not.toContain('one_order')
    const first = await modernTool(gateway.url, key, 'orders__list_orders')
    expect(noteOf(first)).toContain('call again with page = 2')
  })
})
