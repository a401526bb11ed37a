/** What the largest descriptions cost: time of the processor, and memory of the worker that converts them. */

import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { createConversions } from '../../src/kinds/convert.ts'
import { nothingProvided } from '../../src/model/conversion.ts'
import { openapiSpec } from '../../src/model/kinds/openapi.ts'
import { costOf } from '../cost.ts'
import { convertText, corpus } from './openapi-corpus.ts'

/** In units of test/cost.ts; 2 s on a machine of 2026. */
const costMax = 500
/** Of the worker's heap; the process around it takes some 60 MB. */
const heapMbMax = 400
const github = 'openapi/github.com__api.github.com.json'
const large = [
  github,
  'openapi/stripe.com.json',
  'openapi/kubernetes.io.json',
  'openapi/docusign.net.json',
  'openapi-2/kubernetes.io__1.13.json',
]
const asJson = [...corpus('openapi'), ...corpus('openapi-2')].filter(({ name }) =>
  large.includes(name),
)
const yaml = asJson
  .filter(({ name }) => name === github)
  .map(({ name, text }) => ({
    name: `${name} as YAML`,
    text: stringify(JSON.parse(text), { aliasDuplicateObjects: false }),
  }))
const entries = [...asJson, ...yaml]

test('the large ones are there', () => expect(entries).toHaveLength(large.length + 1))

test('YAML becomes the same tools', async () => {
  const [fromYaml, fromJson] = [yaml[0], asJson.find(({ name }) => name === github)]
  const { tools, notes } = await convertText(fromYaml?.text ?? '')
  expect(fromYaml?.text.length).toBeGreaterThan(8_000_000)
  expect({ tools, notes }).toEqual(
    await convertText(fromJson?.text ?? '').then((one) => ({ tools: one.tools, notes: one.notes })),
  )
})

describe.each(entries)('$name', ({ name, text }) => {
  test(`converts at a cost of ${costMax} units`, async () => {
    const costs: number[] = []
    for (let run = 0; run < 3; run++) costs.push(await costOf(() => convertText(text)))
    const best = Math.min(...costs)
    process.stdout.write(`${name}: ${best.toFixed(0)} units\n`)
    expect(best).toBeLessThan(costMax)
  })

  test(`converts in a worker with ${heapMbMax} MB, and travels back`, async () => {
    const conversions = createConversions({ timeMsMax: 600_000, heapMbMax, queueMax: 1 })
    try {
      const location = '/specs/api.json'
      const { tools, operations } = await conversions.convert(
        {
          kind: 'openapi',
          spec: openapiSpec.parse({ spec: location }),
          description: { location, text, mediaType: undefined },
          provided: nothingProvided,
        },
        () => Promise.reject(new Error('nothing to read')),
      )
      expect(tools).toHaveLength(operations)
    } finally {
      await conversions.close()
    }
  })
})
