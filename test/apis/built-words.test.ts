/** What tools of the built product say: hints by verb, plain texts, and nothing twice. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ConvertedView, convertBuilt } from './built-convert.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-words-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function converted(name: string, text: string): Promise<ConvertedView> {
  await writeFile(join(folder, name), text)
  return convertBuilt([name, '--base-url', 'http://127.0.0.1:9'], folder)
}

const hintsOf = ({ tools }: ConvertedView) =>
  Object.fromEntries(
    tools.map(({ name, annotations }) => {
      const { title: _, openWorldHint: __, ...hints } = annotations ?? {}
      return [name, hints]
    }),
  )

describe('GraphQL', () => {
  test('creates and adds destroy nothing, links are plain, words of the name are not repeated', async () => {
    const view = await converted(
      'shop.graphql',
      `type Query { cart("The ID" id: ID!, "Of the answer" size: Int): Cart }
type Mutation {
  """Updates a [\`Cart\`](https://shop.example/objects/Cart), or [two][Cart]."""
  cartUpdate(id: ID!): Cart
  commerceCreateNote(text: String!): Cart
  cardAdd(n: String!): Cart
  newsletterDelete(id: ID!): Cart
  settleInvoice(id: ID!): Cart
}
type Cart { id: ID! note: String }`,
    )
    const told = (destructiveHint: boolean) => ({
      readOnlyHint: false,
      destructiveHint,
      idempotentHint: false,
    })
    expect(hintsOf(view)).toEqual({
      cart: { readOnlyHint: true },
      cart_update: told(true),
      commerce_create_note: told(false),
      card_add: told(false),
      newsletter_delete: told(true),
      settle_invoice: told(true),
    })
    const [cart, update] = view.tools
    expect(update?.description).toBe('Updates a `Cart`, or two.')
    expect(cart?.inputSchema['properties']).toMatchObject({
      id: expect.not.objectContaining({ description: expect.anything() }),
      size: { description: 'Of the answer' },
    })
  })
})

describe('gRPC', () => {
  test('links of comments are plain', async () => {
    const { tools } = await converted(
      'shop.proto',
      `syntax = "proto3";
package acme.shop;
// Shop.
service Shop {
  // Gets the [Price][acme.shop.Price] of an item. Errors: [InternalError]()
  rpc GetPrice(Ask) returns (Price);
}
message Ask {
  // The item.
  string item = 1;
}
message Price { int64 units = 1; }`,
    )
    expect(tools[0]?.description).toBe('Gets the Price of an item. Errors: InternalError')
    expect(tools[0]?.inputSchema['properties']).toEqual({ item: { type: 'string' } })
  })
})

const wsdl = (binding: string, operations: readonly string[]) => `
<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="${binding}" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:d="urn:d" targetNamespace="urn:d">
<types><xs:schema targetNamespace="urn:d"><xs:element name="In" type="xs:string"/></xs:schema></types>
<message name="in"><part name="p" element="d:In"/></message>
<portType name="P">${operations.map((name) => `<operation name="${name}"><input message="d:in"/></operation>`).join('')}</portType>
<binding name="B" type="d:P"><soap:binding transport="http://schemas.xmlsoap.org/soap/http"/>${operations
  .map(
    (name) =>
      `<operation name="${name}"><soap:operation soapAction="${name}"/><input><soap:body use="literal"/></input></operation>`,
  )
  .join('')}</binding>
<service name="S"><port name="P1" binding="d:B"><soap:address location="http://127.0.0.1:9/x"/></port></service></definitions>`

describe('SOAP', () => {
  test('hints follow the verb of the name', async () => {
    const names = ['GetDataSet', 'CreateOrder', 'SetMode', 'RemoveUser', 'GetAndDeleteMail', 'Frob']
    const view = await converted('d.wsdl', wsdl('http://schemas.xmlsoap.org/wsdl/soap/', names))
    expect(hintsOf(view)).toEqual({
      get_data_set: { readOnlyHint: true },
      create_order: { readOnlyHint: false, destructiveHint: false },
      set_mode: { readOnlyHint: false },
      remove_user: { readOnlyHint: false, destructiveHint: true },
      get_and_delete_mail: { readOnlyHint: false, destructiveHint: true },
      frob: {},
    })
  })

  test.each([
    'http://cxf.apache.org/bindings/xformat',
    'http://schemas.xmlsoap.org/wsdl/mime/',
    'urn:something',
  ])('a binding of %s is not called as SOAP 1.1', async (binding) => {
    const view = await converted('d.wsdl', wsdl(binding, ['SetMode']))
    expect(view.tools).toEqual([])
    expect(view.skipped).toMatchObject([
      { code: 'transport_unsupported', reason: expect.stringContaining(binding) },
    ])
  })
})
