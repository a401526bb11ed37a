import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { buildSchema, introspectionFromSchema, parse, validate } from 'graphql'
import { describe, expect, it } from 'vitest'
import type { Conversion } from '../../../model/conversion.ts'
import { type GraphqlCommon, type GraphqlPlan, graphqlSpec } from '../../../model/kinds/graphql.ts'
import { convertGraphql } from './convert.ts'

const golden = new URL('../../../../test/golden/graphql/', import.meta.url)
const shop = readFileSync(new URL('shop.graphql', golden), 'utf8')

function convert(text: string, spec: object = {}): Promise<Conversion<GraphqlPlan, GraphqlCommon>> {
  const full = graphqlSpec.parse({ url: 'https://shop.example/graphql', ...spec })
  return convertGraphql(full, { location: 'shop.graphql', text, mediaType: undefined })
}

function tool(conversion: Conversion<GraphqlPlan, GraphqlCommon>, name: string) {
  const found = conversion.tools.find(({ definition }) => definition.name === name)
  if (found === undefined) throw new Error(`no tool ${name}`)
  return found
}

function shown({ tools, skipped, notes }: Conversion<GraphqlPlan, GraphqlCommon>): string {
  const parts = tools.map(({ operation, definition, plan }) => {
    const document = 'document' in plan ? plan.document : ''
    return `--- ${operation}\n${document}\n${JSON.stringify(definition, null, 1)}\n`
  })
  const told = [...skipped, ...notes].map((report) => JSON.stringify(report))
  return `${parts.join('\n')}\n--- reports\n${told.join('\n')}\n`
}

describe('a small schema with something of everything', () => {
  it('becomes the tools that were looked at', async () => {
    const conversion = await convert(shop, { query: { enabled: true } })
    await expect(shown(conversion)).toMatchFileSnapshot(new URL('shop.txt', golden).pathname)
  })

  it('becomes the same tools from SDL and from introspection', async () => {
    const schema = introspectionFromSchema(buildSchema(shop, { assumeValid: true }))
    const fromSdl = await convert(shop)
    const fromAnswer = await convert(JSON.stringify({ data: schema }))
    const plain = ({ tools }: Conversion<GraphqlPlan, GraphqlCommon>) =>
      tools.map(({ definition, plan }) => ({ definition, plan }))
    expect(plain(fromAnswer)).toEqual(plain(fromSdl))
  })

  it('loses no operation without a word', async () => {
    const { operations, tools, skipped } = await convert(shop)
    expect(operations).toBe(12)
    expect(tools.length + skipped.length).toBe(12)
    expect(skipped).toMatchObject([
      {
        operation: 'mutation setPhoto',
        code: 'feature_unsupported',
        place: expect.stringContaining('shop.graphql:'),
      },
    ])
  })

  it('makes documents that the schema takes, and schemas that compile', async () => {
    const ajv = new Ajv2020({ strict: false })
    addFormats.default(ajv)
    const schema = buildSchema(shop, { assumeValid: true })
    for (const { definition, plan } of (await convert(shop)).tools) {
      if ('document' in plan) expect(validate(schema, parse(plan.document))).toEqual([])
      expect(typeof ajv.compile({ ...definition.inputSchema })).toBe('function')
      expect(typeof ajv.compile({ ...definition.outputSchema })).toBe('function')
    }
  })
})

describe('arguments', () => {
  const check = async (name: string) => {
    const ajv = new Ajv2020({ strict: false })
    addFormats.default(ajv)
    const validator = ajv.compile({ ...tool(await convert(shop), name).definition.inputSchema })
    return (args: unknown) => validator(args)
  }

  it('of input objects with recursion, lists, defaults and null', async () => {
    const fits = await check('products')
    expect(fits({})).toBe(true)
    expect(fits({ page: null, where: { and: [{ not: { status: ['OPEN'] } }] } })).toBe(true)
    expect(fits({ where: { status: ['GONE'] } })).toBe(false)
    expect(fits({ where: { and: [null] } })).toBe(false)
    expect(fits({ where: { since: 'yesterday' } })).toBe(false)
    expect(fits({ where: { nothing: 1 } })).toBe(false)
  })

  it('of a oneOf input: exactly one, and not null', async () => {
    const fits = await check('product')
    expect(fits({ by: { id: '1' } })).toBe(true)
    expect(fits({ by: { id: 7 } })).toBe(true)
    expect(fits({ by: { id: '1', sku: 'a' } })).toBe(false)
    expect(fits({ by: {} })).toBe(false)
    expect(fits({ by: { sku: null } })).toBe(false)
    expect(fits({})).toBe(false)
  })

  it('of scalars of which nothing is known take anything but null, where null is not allowed', async () => {
    const { tools } = await convert(
      'scalar Odd type Query { a(odd: Odd!, more: [Odd!], free: Odd, json: JSON!): Int } scalar JSON',
    )
    const takes = new Ajv2020({ strict: false }).compile({ ...tools[0]?.definition.inputSchema })
    for (const odd of ['x', 1, true, {}, []])
      expect(takes({ odd, json: odd, more: [odd] })).toBe(true)
    expect(takes({ odd: 1, json: {}, free: null, more: null })).toBe(true)
    expect(takes({ odd: null, json: {} })).toBe(false)
    expect(takes({ odd: 1, json: null })).toBe(false)
    expect(takes({ odd: 1, json: 1, more: [null] })).toBe(false)
  })

  it('of a subscription stand beside its own limit and seconds', async () => {
    const { definition, plan } = tool(await convert(shop), 'orders')
    expect(Object.keys(Object(definition.inputSchema['properties']))).toEqual([
      'status',
      'limit',
      '_limit',
      'seconds',
    ])
    expect(plan).toMatchObject({ own: { limit: '_limit', seconds: 'seconds' } })
  })
})

describe('the operations of the configuration', () => {
  it('are chosen and renamed', async () => {
    const { tools, skipped, operations } = await convert(shop, {
      operations: {
        include: ['query *', 'delete_order'],
        exclude: ['query node'],
        rename: { 'query product': 'find_product' },
      },
    })
    expect(tools.map(({ definition }) => definition.name)).toEqual([
      ...['find_product', 'products', 'search', 'version', 'old_orders', 'delete_order'],
    ])
    expect(skipped.every(({ code }) => code === 'excluded')).toBe(true)
    expect(operations).toBe(12)
  })

  it('with a selection for one that is not there are told', async () => {
    const { notes } = await convert(shop, { selections: { 'query nobody': '{ id }' } })
    expect(notes).toContainEqual(
      expect.objectContaining({ operation: 'query nobody', code: 'reference_unresolved' }),
    )
  })

  it('with few fields and little depth ask for less', async () => {
    const { plan } = tool(await convert(shop, { depth: 1, fields: 3 }), 'place_order')
    if (!('document' in plan)) throw new Error('no document')
    expect(plan.document.match(/^ {4}\w+$/gm)).toHaveLength(3)
  })
})

describe('parts of schemas', () => {
  it('of a federated graph convert, with what they do not define told', async () => {
    const { tools, notes } = await convert(`
      extend schema @link(url: "https://specs.apollo.dev/federation/v2.0", import: ["@key"])
      extend type Query { me: User other: Elsewhere }
      type User @key(fields: "id") { id: ID! at: AWSDateTime elsewhere: Elsewhere @external }
      extend type User { name(style: Style): String }
    `)
    expect(tools.map(({ definition }) => definition.name)).toEqual(['me'])
    expect(notes.map(({ operation, code }) => [operation, code])).toContainEqual([
      'type Elsewhere',
      'reference_unresolved',
    ])
    expect(tools[0]?.plan).toMatchObject({ document: expect.not.stringContaining('elsewhere') })
  })
})
