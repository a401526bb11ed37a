/** Holds `reports.md` to its form: verdicts of the list, reports told once, and tests that are there. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('../', import.meta.url))
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

/** The tables below the first heading, without their heads. */
const rows = read('test/reports.md')
  .split('\n## ')
  .slice(1)
  .flatMap((group) => group.split('\n'))
  .filter((line) => /^\| (?!report |---)/.test(line))
  .map((line) => {
    const cells = line.slice(1, -1).split('|')
    const [report = '', says = '', verdict = '', test = '', ...more] = cells.map((c) => c.trim())
    const [, path, name] = /^`([^`]+)`(?: · (.+))?$/.exec(test) ?? []
    return { report, says, verdict, test, path, name, more }
  })

it('tells each report once, by repository and number', () => {
  const reports = rows.map(({ report }) => report)
  expect(reports.length).toBeGreaterThan(80)
  expect(reports.filter((report, at) => reports.indexOf(report) !== at)).toEqual([])
  expect(reports.filter((report) => !/^[\w-]+\/[\w.-]+#\d+$/.test(report))).toEqual([])
})

it.each(rows)(
  '$report has a verdict, and a test that is there',
  ({ says, verdict, test, ...row }) => {
    expect(row.more).toEqual([])
    expect(says).not.toBe('')
    expect(verdict).toMatch(/^(holds|mended|by design: .+|not (yet|shown)(: .+)?)$/)
    if (row.path === undefined) {
      expect(test).toBe('—')
      expect(verdict).not.toMatch(/^(holds|mended)/)
      return
    }
    expect(verdict).not.toMatch(/^not /)
    expect(existsSync(join(root, row.path)), row.path).toBe(true)
    const { name } = row
    if (name === undefined) return
    const text = read(row.path)
    expect(
      ["'", '"', '`'].some((quote) => text.includes(`${quote}${name}${quote}`)),
      name,
    ).toBe(true)
  },
)
