/** Descriptions by others: each operation becomes a tool or a report, as they are and with an address configured. */
import { readdirSync, readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { describe, expect, it } from 'vitest'
import { asyncapiSpec } from '../../../model/kinds/asyncapi.ts'
import { convertAsyncapi } from './convert.ts'

const folder = new URL('../../../../test/fixtures/specs/asyncapi/', import.meta.url)
const files = readdirSync(folder).filter((name) => name.endsWith('.yml'))

const convert = (file: string, url?: string) =>
  convertAsyncapi(
    asyncapiSpec.parse({ spec: file, ...(url === undefined ? {} : { url }) }),
    {
      location: `/specs/${file}`,
      text: readFileSync(new URL(file, folder), 'utf8'),
      mediaType: undefined,
    },
    () => Promise.reject(new Error('nothing else is there')),
  )

describe('five descriptions of the specification itself', () => {
  it('are all there', () => {
    expect(files).toHaveLength(5)
  })

  /** File, operations, tools as it is, tools with an address. */
  const counts: Readonly<Record<string, readonly [number, number, number]>> = {
    'correlation-id-asyncapi.yml': [2, 0, 2],
    'gitter-streaming-asyncapi.yml': [1, 1, 1],
    'kraken-websocket-request-reply-message-filter-in-reply-asyncapi.yml': [5, 0, 5],
    'rpc-client-asyncapi.yml': [2, 0, 2],
    'simple-asyncapi.yml': [1, 0, 1],
  }

  it.each(files)('%s converts or reports', async (file) => {
    const plain = await convert(file)
    const placed = await convert(file, 'wss://live.example/')
    expect([plain.operations, plain.tools.length, placed.tools.length]).toEqual(counts[file])
    for (const { operations, tools, skipped, notes } of [plain, placed]) {
      expect(tools.length + skipped.length).toBe(operations)
      for (const { code } of skipped) expect(code).toBe('transport_unsupported')
      for (const report of [...skipped, ...notes]) expect(report.place).toMatch(/^#\//)
      const ajv = new Ajv2020({ strict: false })
      addFormats.default(ajv)
      for (const { definition } of tools) {
        expect(definition.name).toMatch(/^[A-Za-z0-9_-]{1,64}$/)
        expect(typeof ajv.compile({ ...definition.inputSchema })).toBe('function')
        expect(typeof ajv.compile({ ...definition.outputSchema })).toBe('function')
      }
    }
  })

  it('are named by what the caller does', async () => {
    const { tools } = await convert(
      'kraken-websocket-request-reply-message-filter-in-reply-asyncapi.yml',
      'wss://live.example/',
    )
    expect(tools.map(({ definition, plan }) => [definition.name, plan.kind])).toEqual([
      ['ping', 'ask'],
      ['take_heartbeat', 'take'],
      ['take_system_status', 'take'],
      ['subscribe_request', 'ask'],
      ['unsubscribe_request', 'ask'],
    ])
    expect(tools[0]?.plan).toMatchObject({ correlation: { path: ['reqid'], type: 'integer' } })
  })
})
