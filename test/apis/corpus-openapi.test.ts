/** The converter against descriptions of real services. Every schema of all of them: test/long/corpus-openapi.test.ts. */
import { describe, expect, test } from 'vitest'
import {
  type CorpusEntry,
  checkArguments,
  checkConversion,
  checkSchemas,
  convertText,
  corpus,
  corpusSizes,
  sample,
} from './openapi-corpus.ts'

const schemasEach = 10
const counts: string[] = []
const total = {
  descriptions: 0,
  operations: 0,
  tools: 0,
  skipped: 0,
  notes: 0,
  schemas: 0,
  links: 0,
  lostLinks: 0,
}

describe.each(['openapi', 'openapi-2'] as const)('%s', (folder) => {
  const entries = corpus(folder)
  test('the folder is whole', () => {
    expect(entries).toHaveLength(corpusSizes[folder])
  })

  test.each(entries)('$name', async ({ name, text }: CorpusEntry) => {
    const conversion = await convertText(text)
    checkConversion(conversion)
    for (const tool of sample(conversion.tools, schemasEach, name)) checkSchemas(tool)
    for (const tool of sample(conversion.tools, 1, name)) checkArguments(tool)
    const { tools, skipped, notes, operations } = conversion
    expect(await namesOf(text)).toEqual(tools.map(({ definition }) => definition.name))
    if (operations > 1 && text.startsWith('{')) await keepsNames(text, conversion)
    counts.push(
      `${name}: ${operations} = ${tools.length} + ${skipped.length}, ${notes.length} notes`,
    )
    total.descriptions++
    total.operations += operations
    total.tools += tools.length
    total.skipped += skipped.length
    total.notes += notes.length
    total.links += tools.reduce((sum, { plan }) => sum + (plan.links?.length ?? 0), 0)
    total.lostLinks += notes.filter(({ place }) => place.includes('/links/')).length
    total.schemas += Math.min(tools.length, schemasEach)
  })
})

test('at least 99 % of the operations are converted', () => {
  process.stdout.write(`${counts.join('\n')}\n${JSON.stringify(total)}\n`)
  expect(total.operations).toBeGreaterThan(6_000)
  expect(total.tools / total.operations).toBeGreaterThanOrEqual(0.99)
})

async function namesOf(text: string): Promise<readonly string[]> {
  return (await convertText(text)).tools.map(({ definition }) => definition.name)
}

/** Without one of its operations the others keep their names, but for one that had to make way for it. */
async function keepsNames(
  text: string,
  { tools }: Awaited<ReturnType<typeof convertText>>,
): Promise<void> {
  const [gone] = sample(tools, 1, text.slice(0, 200))
  if (gone === undefined) return
  const description = JSON.parse(text)
  const [method = '', path = ''] = gone.operation.split(' ')
  const paths = description.paths[path] === undefined ? path.slice(1) : path
  delete description.paths[paths][method.toLowerCase()]
  const left = await namesOf(JSON.stringify(description))
  const before = tools.map(({ definition }) => definition.name)
  const kept = before.filter((name) => name !== gone.definition.name && !/_[0-9a-f]{6}$/.test(name))
  expect(left).toEqual(expect.arrayContaining(kept))
  expect(left).toHaveLength(before.length - 1)
}

test('every link is followed, or there is a note of what it names and nothing has', () => {
  expect(total).toMatchObject({ links: 7, lostLinks: 9 })
})
