// A SOAP service behind the gateway: listed, checked, called and refused by the public door.
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Orders, startOrders } from '../apis/soap-orders.ts'
import { eventually, modernCall, modernTool } from './client.ts'
import { everything, startGateway, type TestGateway } from './gateway.ts'
import { dig, names } from './json.ts'

const wsdl = fileURLToPath(new URL('../fixtures/soap/orders.wsdl', import.meta.url))
let orders: Orders
let gateway: TestGateway

const order = {
  customer: 'Ada & <Co>',
  placed: '2026-03-01T09:30:00Z',
  serial: 7,
  item: [{ sku: 'AB-1234', quantity: 1, price: { value: 2.5, currency: 'EUR' } }],
  card: '4111',
}

beforeAll(async () => {
  orders = await startOrders()
  gateway = await startGateway({
    config: {
      servers: {
        legacy: {
          soap: { wsdl, endpoint: `${orders.origin}/orders` },
        },
      },
    },
    keys: { first: everything },
  })
  await eventually(async () =>
    names((await modernCall(gateway.url, gateway.key, 'tools/list')).message, 'tools').includes(
      'legacy__place_order',
    ),
  )
})
afterAll(async () => {
  await gateway?.stop()
  orders?.stop()
})

it('a call goes there and back, typed', async () => {
  const { message } = await modernTool(gateway.url, gateway.key, 'legacy__place_order', { order })
  expect(dig(message, 'result', 'isError')).toBeFalsy()
  expect(dig(message, 'result', 'structuredContent')).toMatchObject({
    accepted: true,
    order: {
      customer: 'Ada & <Co>',
      serial: 7,
      item: [{ price: { value: 2.5, currency: 'EUR' } }],
    },
  })
})

it('arguments that do not fit never leave, and a fault is an error with its reason', async () => {
  const wrong = await modernTool(gateway.url, gateway.key, 'legacy__place_order', {
    order: { ...order, item: [] },
  })
  expect(dig(wrong.message, 'result', 'isError')).toBe(true)
  const both = await modernTool(gateway.url, gateway.key, 'legacy__place_order', {
    order: { ...order, invoice: 'x' },
  })
  expect(both.text).toContain('cannot stand together')
  const refused = await modernTool(gateway.url, gateway.key, 'legacy__place_order', {
    order: { ...order, customer: 'nobody' },
  })
  expect(dig(refused.message, 'result', 'isError')).toBe(true)
  expect(refused.text).toContain('no such customer')
})
