// A SOAP service behind the gateway: listed, checked, called and refused by the public door.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { listen } from 'soap'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { eventually, modernCall, modernTool } from './client.ts'
import { everything, startGateway, type TestGateway } from './gateway.ts'
import { dig, names } from './json.ts'

const folder = fileURLToPath(new URL('../fixtures/soap/', import.meta.url))
const server = createServer((_request, response) => response.writeHead(404).end())
let gateway: TestGateway

const order = {
  customer: 'Ada & <Co>',
  placed: '2026-03-01T09:30:00Z',
  serial: 7,
  item: [{ sku: 'AB-1234', quantity: 1, price: { value: 2.5, currency: 'EUR' } }],
  card: '4111',
}

beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const place = (args: { order: { customer: string } }): unknown => {
    if (args.order.customer === 'nobody')
      throw { Fault: { faultcode: 'soap:Client', faultstring: 'no such customer' } }
    return { order: args.order, accepted: true }
  }
  const orders = { PlaceOrder: place, FindOrder: () => '12.5' }
  const xml = readFileSync(`${folder}orders.wsdl`, 'utf8').replace(
    'orders.xsd',
    `${folder}orders.xsd`,
  )
  const services = { OrderService: { Soap11: orders, Soap12: orders } }
  await new Promise((resolve) => listen(server, '/orders', services, xml, resolve))
  gateway = await startGateway({
    config: {
      servers: {
        legacy: {
          soap: { wsdl: `${folder}orders.wsdl`, endpoint: `http://127.0.0.1:${port}/orders` },
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
  server.closeAllConnections()
  server.close()
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
