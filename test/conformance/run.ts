// Runs the conformance suite from the command line and prints a JSON summary.
//   node test/conformance/run.ts --url URL --requirements 2025-11-25|2026-07-28
//     [--header 'Name: value']... [--expected-failures FILE]
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { runSuite } from './run-suite.ts'

function headerOf(line: string): [string, string] {
  const colon = line.indexOf(':')
  if (colon < 1) throw new Error(`not a header: ${line}`)
  return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()]
}

const { values } = parseArgs({
  options: {
    url: { type: 'string' },
    requirements: { type: 'string' },
    header: { type: 'string', multiple: true, default: [] },
    'expected-failures': { type: 'string' },
  },
})
const { url, requirements } = values
if (url === undefined) throw new Error('--url is missing')
if (requirements !== '2025-11-25' && requirements !== '2026-07-28') {
  throw new Error('--requirements must be 2025-11-25 or 2026-07-28')
}
const expectedFailures = values['expected-failures']
const summary = await runSuite({
  url,
  requirements,
  headers: Object.fromEntries(values.header.map(headerOf)),
  ...(expectedFailures === undefined ? {} : { expectedFailures: resolve(expectedFailures) }),
})
process.stdout.write(`${JSON.stringify(summary, undefined, 2)}\n`)
process.exitCode = summary.ok ? 0 : 1
