/** `npm run corpus [-- FOLDER]`: measures the descriptions of the fixtures, or somebody's own, and says so. */
import { resolve } from 'node:path'
import { detailsOf, tableOf, worseThanBaseline } from './figures.ts'
import { descriptionsBelow, fixtureFolder, measure } from './measure.ts'

const [given] = process.argv.slice(2)
const folder = given === undefined ? fixtureFolder : resolve(given)
const report = await measure({
  descriptions: descriptionsBelow(folder),
  folder,
  progress: (text) => process.stderr.write(`${text}\n`),
})
process.stdout.write(`${tableOf(report)}\n\n${detailsOf(report)}\n`)
if (given === undefined) {
  const faults = worseThanBaseline('whole', report)
  for (const fault of faults) process.stdout.write(`WORSE: ${fault}\n`)
  if (faults.length > 0) process.exitCode = 1
}
