/** Round trips against a server of another library: what it understood, and what it answered. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import { soap } from 'strong-soap'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { SoapSpec } from '../../src/model/kinds/soap.ts'
import { fixture, type Tools, toolsOf } from './soap-tools.ts'

const wsdl = fixture('soap/orders.wsdl')
const server = createServer((_request, response) => response.writeHead(404).end())
let origin = ''
let understood: unknown
let headersSeen: unknown
let sent = ''
const opened: Tools[] = []
const listening: ReturnType<typeof soap.listen>[] = []

const orders = {
  PlaceOrder(args: { order: { customer: string } }, _callback: unknown, headers: unknown): unknown {
    understood = args
    headersSeen = headers
    if (args.order.customer === 'nobody')
      throw {
        Fault: {
          Code: { Value: 'soap:Sender' },
          Reason: { Text: 'the-reason' },
          faultcode: 'soap:Client',
          faultstring: 'the-reason',
          detail: { OrderFault: { number: 42, reason: 'no such customer' } },
          Detail: { OrderFault: { number: 42, reason: 'no such customer' } },
        },
      }
    return { order: args.order, accepted: true }
  },
  FindOrder(args: unknown): unknown {
    understood = args
    return '12.50'
  },
}

beforeAll(async () => {
  for (const path of ['/orders', '/orders12']) {
    const one = soap.listen(server, {
      path,
      services: { OrderService: { Soap11: orders, Soap12: orders } },
      xml: readFileSync(wsdl, 'utf8'),
      uri: wsdl,
    })
    listening.push(one)
    one.log = (type, data) => {
      if (type === 'received') sent = String(data)
    }
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  origin = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
  // It reads its description in its own time, and tells nobody when it is done.
  for (const path of ['orders', 'orders12'])
    while (!(await fetch(`${origin}/${path}?wsdl`)).ok) await setTimeout(10)
})

afterAll(async () => {
  for (const tools of opened) await tools.close()
  server.closeAllConnections()
  server.close()
})

async function tools(version: '1.1' | '1.2', more: Partial<SoapSpec> = {}): Promise<Tools> {
  const made = await toolsOf(wsdl, {
    endpoint: `${origin}/${version === '1.1' ? 'orders' : 'orders12'}`,
    version,
    ...more,
  })
  opened.push(made)
  return made
}

const order = {
  state: 'paid',
  channel: 'phone',
  customer: 'Ada Lovelace',
  placed: '2026-03-01T09:30:00Z',
  serial: '9223372036854775807',
  gift: false,
  item: [
    {
      sku: 'AB-1234',
      quantity: 3,
      price: { value: 12.5, currency: 'EUR' },
      note: null,
      parts: [
        { sku: 'CD-0001', quantity: 1, price: { value: '0.1000000000000000055', currency: 'EUR' } },
      ],
    },
  ],
  invoice: 'monthly',
  tags: ['red', 'blue'],
  photo: 'AAEC/w==',
}

it('UsernameTokens are accepted, as text and as digest, and a wrong one is refused', async () => {
  const users = listening[0]
  if (users === undefined) throw new Error('no server')
  // This library drops attributes when it reads, so the kind of password is looked for in what arrived.
  const text = z
    .union([z.string(), z.object({ $value: z.string() })])
    .transform((one) => (typeof one === 'string' ? one : one.$value))
  const form = z.object({
    UsernameToken: z.object({ Username: text, Password: text, Nonce: text, Created: text }),
  })
  users.authenticate = (shown) => {
    const { Username, Password, Nonce, Created } = form.parse(shown).UsernameToken
    const isDigest = sent.includes('#PasswordDigest"')
    const wanted = isDigest ? soap.passwordDigest(Nonce, Created, 'p<&>w') : 'p<&>w'
    return Username === 'ada' && Password === wanted && Date.parse(Created) > 0
  }
  try {
    const args = { FindOrder: 1 }
    for (const type of ['text', 'digest'] as const) {
      const security = { username: 'ada', password: 'p<&>w', type }
      const right = await (await tools('1.1', { security })).call('find_order', args)
      expect(right.isError, right.text).toBe(false)
      const wrong = { ...security, password: 'a-wrong-password' }
      const refused = await (await tools('1.1', { security: wrong })).call('find_order', args)
      expect(refused.isError).toBe(true)
      expect(refused.text).not.toContain('a-wrong-password')
    }
  } finally {
    users.authenticate = undefined
  }
})

describe.each(['1.1', '1.2'] as const)('SOAP %s', (version) => {
  it('a deep order arrives as it was meant, and comes back typed', async () => {
    const { call } = await tools(version)
    const outcome = await call('place_order', { order, dryRun: true, Session: 's-1' })
    expect(outcome.isError, outcome.text).toBe(false)
    expect(understood).toMatchObject({
      dryRun: 'true',
      order: {
        customer: 'Ada Lovelace',
        gift: 'false',
        invoice: 'monthly',
        photo: 'AAEC/w==',
        tags: 'red blue',
      },
    })
    expect(headersSeen).toMatchObject({ Session: 's-1' })
    expect(outcome.structured).toMatchObject({
      accepted: true,
      order: { customer: 'Ada Lovelace' },
    })
    // This library drops attributes when it reads, so they are looked for in what arrived.
    expect(sent).toMatch(/<n\d:order state="paid" channel="phone">/)
    expect(sent).toMatch(/<n\d:price currency="EUR">12.5</)
    expect(sent).toMatch(/<n\d:note xsi:nil="true"\/>/)
    expect(sent).toContain('9223372036854775807')
    expect(sent).toContain('0.1000000000000000055')
  })

  it('simple elements without a wrapper travel both ways', async () => {
    const { call } = await tools(version)
    const outcome = await call('find_order', '{"FindOrder":9007199254740993}')
    expect(understood).toEqual('9007199254740993')
    expect(outcome.structured).toEqual({ FoundOrder: 12.5 })
  })

  it('a fault is an error with its code, its reason and its detail', async () => {
    const { call } = await tools(version)
    const outcome = await call('place_order', { order: { ...order, customer: 'nobody' } })
    expect(outcome.isError).toBe(true)
    expect(outcome.text).toContain('the-reason')
    expect(outcome.text).toMatch(/Client|Sender/)
    expect(outcome.text).toContain('no such customer')
  })

  it.each([
    `</o:customer><o:customer>other`,
    `]]>&lt;x&gt;`,
    `<![CDATA[x]]>`,
    `&lol;&#0;&amp;`,
    `<?php system("id") ?>`,
    `<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>`,
    `"'><script>\r\n\tx`,
  ])('%j arrives as data', async (customer) => {
    const { call } = await tools(version)
    const outcome = await call('place_order', { order: { ...order, customer, card: undefined } })
    expect(outcome.isError, outcome.text).toBe(false)
    expect(understood).toMatchObject({ order: { customer, invoice: 'monthly' } })
  })
})
