/** The order service of the fixtures, served by the `soap` package. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { listen } from 'soap'
import { fixture } from './soap-tools.ts'

export interface Orders {
  readonly origin: string
  /** What it understood last. */
  readonly last: { args: unknown }
  stop(): void
}

export async function startOrders(): Promise<Orders> {
  const server = createServer((_request, response) => response.writeHead(404).end())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const last: Orders['last'] = { args: undefined }
  const place = (args: { order: { customer: string } }): unknown => {
    last.args = args
    if (args.order.customer === 'nobody')
      throw { Fault: { faultcode: 'soap:Client', faultstring: 'no such customer' } }
    return { order: args.order, accepted: true }
  }
  const sum = (args: unknown): unknown => {
    last.args = args
    return { total: '7' }
  }
  const port = { PlaceOrder: place, FindOrder: () => '12.5' }
  const serve = (path: string, services: object, xml: string): Promise<void> =>
    new Promise((resolve, reject) => {
      listen(server, path, { ...services }, xml, (error: unknown) =>
        error === null || error === undefined ? resolve() : reject(error),
      )
    })
  const orders = readFileSync(fixture('soap/orders.wsdl'), 'utf8')
  const services = { OrderService: { Soap11: port, Soap12: port } }
  await serve('/orders', services, orders.replace('orders.xsd', fixture('soap/orders.xsd')))
  const calculator = readFileSync(fixture('soap/calculator.wsdl'), 'utf8')
  await serve('/sum', { Calculator: { Calculator: { Sum: sum } } }, calculator)
  return {
    origin: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    last,
    stop() {
      server.closeAllConnections()
      server.close()
    },
  }
}
