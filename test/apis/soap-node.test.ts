/** What another server library understands of our envelopes: attributes, types, RPC parts. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Orders, startOrders } from './soap-orders.ts'
import { fixture, type Tools, toolsOf } from './soap-tools.ts'

const wsdl = fixture('soap/orders.wsdl')
const rpc = fixture('soap/calculator.wsdl')
const opened: Tools[] = []
let orders: Orders

beforeAll(async () => {
  orders = await startOrders()
})
afterAll(async () => {
  for (const tools of opened) await tools.close()
  orders?.stop()
})

it('attributes, nil, repeated and nested elements are read as they were meant', async () => {
  const tools = await toolsOf(wsdl, { endpoint: `${orders.origin}/orders` })
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
  expect(orders.last.args).toMatchObject({
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
  const tools = await toolsOf(rpc, { endpoint: `${orders.origin}/sum` })
  opened.push(tools)
  const outcome = await tools.call('sum', { label: 'a<b', terms: [3, 4] })
  expect(outcome.isError, outcome.text).toBe(false)
  expect(orders.last.args).toMatchObject({ label: { $value: 'a<b' } })
  expect(outcome.structured).toEqual({ total: 7 })
})
