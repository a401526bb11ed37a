/** The whole corpus, as `npm run corpus` measures it, against the committed figures. */
import { expect, it } from 'vitest'
import { detailsOf, tableOf, worseThanBaseline } from '../apis/corpus/figures.ts'
import { descriptionsBelow, fixtureFolder, measure } from '../apis/corpus/measure.ts'

it('no figure of the corpus is worse than it was', async () => {
  const report = await measure({
    descriptions: descriptionsBelow(fixtureFolder),
    folder: fixtureFolder,
    progress: () => undefined,
  })
  process.stdout.write(`${tableOf(report)}\n${detailsOf(report)}\n`)
  expect(worseThanBaseline('whole', report), detailsOf(report)).toEqual([])
})
