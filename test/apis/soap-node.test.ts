/** What another server library understands of our envelopes: attributes, types, RPC parts. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { listen } from 'soap'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { fixture, type Tools, toolsOf } from './soap-tools.ts'

const wsdl = fixture('soap/orders.wsdl')
const rpc = fixture('soap/calculator.wsdl')
const server = createServer((_request, response) => response.writeHead(404).end())
let origin = ''
let understood: unknown
const opened: Tools[] = []

beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  origin = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
  const place = (args: { order: unknown }): unknown => {
    understood = args
    return { order: args.order, accepted: true }
  }
  const port = { PlaceOrder: place, FindOrder: () => '1' }
  const xml = readFileSync(wsdl, 'utf8').replace('orders.xsd', fixture('soap/orders.xsd'))
  const sum = (args: unknown): unknown => {
    understood = args
    return { total: '7' }
  }
  await listening('/orders', { OrderService: { Soap11: port, Soap12: port } }, xml)
  await listening('/sum', { Calculator: { Calculator: { Sum: sum } } }, readFileSync(rpc, 'utf8'))
})

function listening(path: string, services: object, xml: string): Promise<void> {
  return new Promise((resolve, reject) => {
    listen(server, path, { ...services }, xml, (error: unknown) =>
      error === null || error === undefined ? resolve() : reject(error),
    )
  })
}

afterAll(async () => {
  for (const tools of opened) await tools.close()
  server.closeAllConnections()
  server.close()
})

it('attributes, nil, repeated and nested elements are read as they were meant', async () => {
  const tools = await toolsOf(wsdl, { endpoint: `${origin}/orders` })
  opened.push(tools)
  const part = { sku: 'CD-0001', quantity: 1, price: { value: 1, currency: 'CHF' } }
  const outcome = await tools.call('place_order', {
    order: {
      state: 'sent',
      customer: 'Ada',
      placed: '2026-03-01T09:30:00Z',
      serial: 12,
      item: [
        {
          sku: 'AB-1234',
          quantity: 2,
          price: { value: 2.5, currency: 'EUR' },
          parts: [part, part],
        },
      ],
      card: '4111',
      tags: ['a', 'b'],
    },
  })
  expect(outcome.isError, outcome.text).toBe(false)
  expect(understood).toMatchObject({
    order: {
      attributes: { state: 'sent' },
      customer: 'Ada',
      serial: 12,
      item: [
        {
          sku: 'AB-1234',
          quantity: '2',
          price: { attributes: { currency: 'EUR' }, $value: 2.5 },
          parts: [{ sku: 'CD-0001' }, { sku: 'CD-0001' }],
        },
      ],
      card: '4111',
      tags: 'a b',
    },
  })
})

it('RPC parts stand in the element of the operation, arrays of the encoding included', async () => {
  const tools = await toolsOf(rpc, { endpoint: `${origin}/sum` })
  opened.push(tools)
  const outcome = await tools.call('sum', { label: 'a<b', terms: [3, 4] })
  expect(outcome.isError, outcome.text).toBe(false)
  expect(understood).toMatchObject({ label: { $value: 'a<b' } })
  expect(outcome.structured).toEqual({ total: 7 })
})
