/** The figures of a measured corpus: how they are shown, kept, and held against those that were kept. */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'

const counts = z.record(z.string(), z.number())
const figures = z.object({
  descriptions: z.number(),
  operations: z.number(),
  tools: z.number(),
  /** Tools that were called: all, or those of the sample. */
  judged: z.number(),
  callable: z.number(),
  /** Tools whose description says nothing beyond method, path and name. */
  bare: z.number(),
  /** Of a definition as it is listed: its bytes by four. */
  tokens: z.object({ median: z.number(), p99: z.number(), max: z.number() }),
  /** Descriptions that could not be used at all, by code. */
  refused: counts,
  skipped: counts,
  /** Why tools are not callable. */
  reasons: counts,
  /** The first of each reason. */
  examples: z.record(z.string(), z.string()).default({}),
})
export type Figures = z.infer<typeof figures>
export type Report = Readonly<Record<string, Figures>>

const file = fileURLToPath(new URL('../corpus-baseline.json', import.meta.url))
const document = fileURLToPath(new URL('../../../docs/corpus.md', import.meta.url))
const generated = /(<!-- corpus: generated -->\n)([\s\S]*?)(<!-- corpus: end -->)/
const baselines = z.object({
  whole: z.record(z.string(), figures),
  sample: z.record(z.string(), figures),
})
type Which = keyof z.infer<typeof baselines>

function readBaselines(): z.infer<typeof baselines> {
  return baselines.parse(JSON.parse(readFileSync(file, 'utf8')))
}

/** What became worse than the committed figures, a sentence each. With UPDATE_CORPUS=1 the report takes their place. */
export function worseThanBaseline(which: Which, report: Report): readonly string[] {
  const kept = readBaselines()
  // biome-ignore lint/style/noProcessEnv: a switch of the test run, not of the product
  if (process.env['UPDATE_CORPUS'] === '1') {
    const bare = Object.entries(report).map(([set, { examples: _, ...rest }]) => [set, rest])
    const next = { ...kept, [which]: Object.fromEntries(bare) }
    writeFileSync(file, `${JSON.stringify(next, null, 2)}\n`)
    const text = readFileSync(document, 'utf8')
    const wanted = documented(next.whole)
    writeFileSync(
      document,
      text.replace(generated, (_, start, __, end) => `${start}${wanted}${end}`),
    )
    return []
  }
  return worse(kept[which], report)
}

/** What stands in the document, and what must stand there by the committed figures. */
export function documentedFigures(): { readonly stands: string; readonly wanted: string } {
  const stands = generated.exec(readFileSync(document, 'utf8'))?.[2] ?? ''
  return { stands, wanted: documented(readBaselines().whole) }
}

function documented(report: Report): string {
  const rows = Object.entries(report).flatMap(([set, { reasons, skipped }]) => [
    ...Object.entries(reasons).map(([reason, count]) => `| ${set} | ${count} | ${reason} |`),
    ...Object.entries(skipped).map(
      ([code, count]) => `| ${set} | ${count} | skipped: \`${code}\` |`,
    ),
  ])
  const head = '| set | how many | why not |\n| --- | --- | --- |'
  return `${tableOf(report)}\n\n${[head, ...rows].join('\n')}\n`
}

export function worse(before: Report, now: Report): readonly string[] {
  const sets = new Set([...Object.keys(before), ...Object.keys(now)])
  return [...sets].flatMap((set) => {
    const [old, one] = [before[set], now[set]]
    if (old === undefined) return [`${set} has no baseline`]
    if (one === undefined) return [`${set} was not measured`]
    const falls = (['descriptions', 'operations', 'tools', 'judged', 'callable'] as const)
      .filter((name) => one[name] < old[name])
      .map((name) => `${set}: ${name} fell from ${old[name]} to ${one[name]}`)
    const rises = [
      ...(['median', 'p99', 'max'] as const).map(
        (name) => [`tokens (${name})`, old.tokens[name], one.tokens[name]] as const,
      ),
      ['bare descriptions', old.bare, one.bare] as const,
      ['refused descriptions', sum(old.refused), sum(one.refused)] as const,
      ['skipped operations', sum(old.skipped), sum(one.skipped)] as const,
    ]
      .filter(([, was, is]) => is > was)
      .map(([name, was, is]) => `${set}: ${name} rose from ${was} to ${is}`)
    return [...falls, ...rises]
  })
}

const sum = (numbers: Readonly<Record<string, number>>): number =>
  Object.values(numbers).reduce((all, one) => all + one, 0)

/** For people, as Markdown. */
export function tableOf(report: Report): string {
  const head = [
    ...['set', 'descriptions', 'operations', 'tools', 'skipped', 'called', 'callable'],
    ...['tokens: median', 'p99', 'max', 'bare'],
  ]
  const rows = Object.entries(report).map(([set, one]) => [
    set,
    one.descriptions,
    one.operations,
    one.tools,
    sum(one.skipped),
    one.judged,
    `${one.callable} (${share(one.callable, one.judged)})`,
    ...[one.tokens.median, one.tokens.p99, one.tokens.max, one.bare],
  ])
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

/** For people: what is behind the table, with an example of each reason. */
export function detailsOf(report: Report): string {
  return Object.entries(report)
    .flatMap(([set, { refused, skipped, reasons, examples }]) =>
      [
        ...Object.entries(refused).map((one) => ['refused', ...one] as const),
        ...Object.entries(skipped).map((one) => ['skipped', ...one] as const),
        ...Object.entries(reasons).map((one) => ['not callable', ...one] as const),
      ].map(([what, name, count]) => {
        const example = examples[name]
        return `${set}: ${count} ${what}: ${name}${example === undefined ? '' : `\n    e.g. ${example}`}`
      }),
    )
    .join('\n')
}

function share(part: number, whole: number): string {
  return whole === 0 ? 'none' : `${Math.floor((part * 1_000) / whole) / 10} %`
}
