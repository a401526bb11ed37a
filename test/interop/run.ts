// The interop run from the command line; `npm run interop` comes here.
//   [--quick] [--client NAME] [--json FILE] [--guide]
import { readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { interop } from './interop.ts'
import { root } from './places.ts'
import { asJson, asText, inGuide } from './report.ts'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    client: { type: 'string' },
    json: { type: 'string' },
    guide: { type: 'boolean', default: false },
  },
})
if (values.guide && (values.quick || values.client !== undefined))
  throw new Error('--guide needs the whole run: leave out --quick and --client.')

const report = await interop({
  quick: values.quick,
  client: values.client,
  progress: (line) => process.stderr.write(`${line}\n`),
})
process.stdout.write(`${asText(report)}\n`)
if (values.json !== undefined) await writeFile(resolve(values.json), asJson(report))
if (!report.ok) process.stderr.write(`\nThe gateway's log ends with:\n${report.log.slice(-4000)}\n`)
else if (values.guide) {
  const guide = join(root, 'docs/guides/clients.md')
  await writeFile(guide, inGuide(await readFile(guide, 'utf8'), report))
}
process.exit(report.ok ? 0 : 1)
