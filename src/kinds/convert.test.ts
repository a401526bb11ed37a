import { afterEach, describe, expect, it } from 'vitest'
import { ConversionFault, type Document, nothingProvided } from '../model/conversion.ts'
import { openapiSpec } from '../model/kinds/openapi.ts'
import { GatewayError } from '../model/refusal.ts'
import { type ConversionCaps, type Conversions, createConversions } from './convert.ts'
import type { ConversionJob } from './converters.ts'

const caps: ConversionCaps = { timeMsMax: 30_000, heapMbMax: 512, queueMax: 10 }
let conversions: Conversions | undefined
afterEach(() => conversions?.close())

function create(more: Partial<ConversionCaps> = {}): Conversions {
  conversions = createConversions({ ...caps, ...more })
  return conversions
}

function job(paths: object, more: object = {}): ConversionJob {
  const text = JSON.stringify({
    openapi: '3.1.0',
    info: { title: 'Pets', version: '1' },
    servers: [{ url: 'https://pets.example' }],
    paths,
    ...more,
  })
  const description: Document = { location: '/pets/openapi.json', text, mediaType: undefined }
  const spec = openapiSpec.parse({ spec: '/pets/openapi.json' })
  return { kind: 'openapi', spec, description, provided: nothingProvided }
}

const responses = { 200: { description: 'Done' } }
const get = (operationId: string): object => ({ get: { operationId, responses } })
const nothing = (): Promise<never> => Promise.reject(new ConversionFault('document_refused', 'no'))

async function faultOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
}

describe('a conversion', () => {
  it('comes back as plain data', async () => {
    const { tools, operations } = await create().convert(job({ '/pets': get('listPets') }), nothing)
    expect(operations).toBe(1)
    expect(tools[0]?.definition.name).toBe('list_pets')
    expect(structuredClone(tools)).toEqual(tools)
  })

  it('asks the main thread for further documents, and hears its refusals', async () => {
    const asked: string[][] = []
    const pointing = job({ '/pets': { $ref: 'pets.json' }, '/stores': { $ref: '/etc/passwd' } })
    const conversion = await create().convert(pointing, async (reference, from) => {
      asked.push([reference, from])
      if (reference !== 'pets.json') throw new ConversionFault('document_refused', 'not that', from)
      const text = JSON.stringify(get('listPets'))
      return { location: '/pets/pets.json', text, mediaType: undefined }
    })
    expect(asked).toContainEqual(['pets.json', '/pets/openapi.json'])
    expect(conversion.tools.map(({ definition }) => definition.name)).toEqual(['list_pets'])
    const reports = [...conversion.skipped, ...conversion.notes]
    expect(reports.map(({ code }) => code)).toContain('document_refused')
  })

  it('ends when it takes too long, and the next one runs', async () => {
    const slow = create({ timeMsMax: 700 })
    const fault = await faultOf(
      slow.convert(job({ '/pets': { $ref: 'pets.json' } }), () => new Promise(() => undefined)),
    )
    expect(fault).toMatchObject({ code: 'description_too_large' })
    expect(fault instanceof Error ? fault.message : '').toContain('longer than 0.7 s')
    const next = await create().convert(job({ '/pets': get('listPets') }), nothing)
    expect(next.tools).toHaveLength(1)
  })

  it('ends when it needs too much memory, and takes nothing else with it', async () => {
    const large = job({ '/pets': get('listPets') }, { 'x-large': 'x'.repeat(30_000_000) })
    const text = `{"paths": [${Array(3_000_000).fill('[]').join(',')}], "openapi": "3.1.0"}`
    const hostile = { ...large, description: { ...large.description, text } }
    const fault = await faultOf(create({ heapMbMax: 32 }).convert(hostile, nothing))
    expect(fault).toMatchObject({ code: 'description_too_large' })
    expect(fault instanceof Error ? fault.message : '').toContain('32 MB of memory')
  })

  it('refuses tools that are small as they are shared and too large as they are shown', async () => {
    const words = Object.fromEntries(
      Array.from({ length: 900 }, (_, at) => [`p${at}`, { description: 'x'.repeat(80) }]),
    )
    const schema = { $ref: '#/components/schemas/Large' }
    const operation = (at: number): object => ({
      post: {
        operationId: `op${at}`,
        requestBody: { content: { 'application/json': { schema } } },
        responses: {},
      },
    })
    const paths = Object.fromEntries(
      Array.from({ length: 1_500 }, (_, at) => [`/p${at}`, operation(at)]),
    )
    const components = { schemas: { Large: { type: 'object', properties: words } } }
    const whole = job(paths, { components })
    const fault = await faultOf(create().convert(whole, nothing))
    expect(fault).toMatchObject({ code: 'description_too_large' })
    expect(fault instanceof Error ? fault.message : '').toContain('100 MB together')
    // Both ways out hold: to leave operations out, and to show less of each.
    const few = { include: ['*/p7*'], exclude: [], rename: {} }
    const spec = openapiSpec.parse({ spec: 'x', operations: few })
    const some = { ...whole, kind: 'openapi', spec } as const
    expect((await create().convert(some, nothing)).tools.length).toBeGreaterThan(100)
    const less = { ...whole, provided: { ...whole.provided, schemas: 'compact' } } as const
    expect((await create().convert(less, nothing)).tools).toHaveLength(1_500)
  })

  it('survives what nests too deeply', async () => {
    const deep = job({})
    const text = `${'{"openapi":"3.1.0","x":'.repeat(1)}${'['.repeat(200_000)}`
    const fault = await faultOf(
      create().convert({ ...deep, description: { ...deep.description, text } }, nothing),
    )
    expect(fault).toBeInstanceOf(ConversionFault)
  })

  it('waits for its turn, up to a bound', async () => {
    const few = create({ queueMax: 2 })
    const order: number[] = []
    const run = (at: number) =>
      few.convert(job({ '/pets': get('listPets') }), nothing).then(() => order.push(at))
    const [first, second] = [run(1), run(2)]
    expect(await faultOf(run(3))).toMatchObject({ code: 'busy' })
    await Promise.all([first, second])
    expect(order).toEqual([1, 2])
  })

  it('is ended by a close', async () => {
    const closing = create()
    const running = closing.convert(job({ '/pets': { $ref: 'pets.json' } }), async () => {
      await closing.close()
      return new Promise(() => undefined)
    })
    expect(await faultOf(running)).toBeInstanceOf(GatewayError)
    expect(await faultOf(closing.convert(job({}), nothing))).toMatchObject({
      code: 'shutting_down',
    })
  })
})
