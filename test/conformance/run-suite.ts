// Runs the official conformance suite against a server and sums up what it wrote down.
import { spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { startHeaderProxy } from './header-proxy.ts'

export type Revision = '2025-11-25' | '2026-07-28'

export interface SuiteOptions {
  readonly url: string
  readonly requirements: Revision
  readonly headers?: Readonly<Record<string, string>>
  /** A file of accepted failures; an entry that passes by now fails the run. */
  readonly expectedFailures?: string
}

export interface SuiteFailure {
  readonly scenario: string
  readonly check: string
  readonly scored: boolean
  readonly status: 'FAILURE' | 'WARNING'
  readonly message: string
}

export interface SuiteSummary {
  readonly requirements: Revision
  /** The verdict of the suite itself, baseline included. */
  readonly ok: boolean
  /** Scored scenarios only. */
  readonly scenarios: { readonly passed: number; readonly total: number }
  /** Every check that ran, scored or not. */
  readonly checks: { readonly passed: number; readonly failed: number }
  readonly failures: readonly SuiteFailure[]
  readonly unscored: { readonly passed: readonly string[]; readonly failed: readonly string[] }
  readonly baseline: { readonly stale: readonly string[]; readonly unexpected: readonly string[] }
}

const checkList = z.array(
  z.object({ id: z.string(), status: z.string(), errorMessage: z.string().optional() }),
)
const requirementSet = z.object({ server: z.array(z.string()) })

export type Check = z.infer<typeof checkList>[number]

const suiteRoot = dirname(
  createRequire(import.meta.url).resolve('@modelcontextprotocol/conformance/package.json'),
)
const SERVER_FOLDER = /^server-(.+)-\d{4}-\d{2}-\d{2}T[\d-]+Z$/

async function scoredScenarios(revision: Revision): Promise<readonly string[]> {
  const source = await readFile(join(suiteRoot, 'requirements', `${revision}.yaml`), 'utf8')
  return requirementSet.parse(parse(source)).server
}

/** The checks of every scenario that left a folder; `named` finds its name. */
export async function readResults(
  folder: string,
  named: RegExp = SERVER_FOLDER,
): Promise<Map<string, readonly Check[]>> {
  const results = new Map<string, readonly Check[]>()
  for (const name of await readdir(folder)) {
    const scenario = named.exec(name)?.[1]
    if (scenario === undefined) continue
    const source = await readFile(join(folder, name, 'checks.json'), 'utf8')
    results.set(scenario, checkList.parse(JSON.parse(source)))
  }
  return results
}

export function run(
  args: readonly string[],
  cwd: string,
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(suiteRoot, 'dist', 'index.js'), ...args], {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8')
      stream.on('data', (chunk: string) => {
        output += chunk
      })
    }
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, output }))
  })
}

/** The entries that the suite lists under a heading of its baseline report. */
function listed(output: string, heading: string): readonly string[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the report is coloured
  const lines = output.replaceAll(/\u001b\[[0-9;]*m/g, '').split('\n')
  const start = lines.findIndex((line) => line.startsWith(heading))
  if (start < 0) return []
  const entries: string[] = []
  for (const line of lines.slice(start + 1)) {
    const entry = /^ {2}[✓✗~] (\S+)$/.exec(line)?.[1]
    if (entry === undefined) break
    entries.push(entry)
  }
  return entries
}

const failed = (check: Check) => check.status === 'FAILURE'
const passes = (checks: readonly Check[] | undefined) =>
  checks?.some((check) => check.status === 'SUCCESS') === true && !checks.some(failed)

function failuresOf(scenario: string, scored: boolean, checks: readonly Check[]): SuiteFailure[] {
  return checks.flatMap(({ id, status, errorMessage }) =>
    status === 'FAILURE' || status === 'WARNING'
      ? [{ scenario, check: id, scored, status, message: errorMessage ?? '' }]
      : [],
  )
}

/** Runs one revision; requests carry `headers` with the help of a loopback proxy. */
export async function runSuite(options: SuiteOptions): Promise<SuiteSummary> {
  const headers = options.headers ?? {}
  const proxy =
    Object.keys(headers).length === 0 ? undefined : await startHeaderProxy(options.url, headers)
  const folder = await mkdtemp(join(tmpdir(), 'conformance-'))
  try {
    const args = ['server', '--url', proxy?.url ?? options.url, '-o', folder]
    args.push('--requirements', options.requirements)
    if (options.expectedFailures !== undefined) {
      args.push('--expected-failures', options.expectedFailures)
    }
    const { code, output } = await run(args, folder)
    const results = await readResults(folder)
    if (results.size === 0) throw new Error(`the conformance suite did not run: ${output.trim()}`)
    return await summary(options.requirements, code === 0, output, results)
  } finally {
    await proxy?.close()
    await rm(folder, { recursive: true, force: true })
  }
}

async function summary(
  requirements: Revision,
  ok: boolean,
  output: string,
  results: ReadonlyMap<string, readonly Check[]>,
): Promise<SuiteSummary> {
  const scored = await scoredScenarios(requirements)
  const isScored = new Set(scored)
  const unscored = [...results.keys()].filter((name) => !isScored.has(name))
  const all = [...results.values()].flat()
  const missing = scored.filter((name) => !results.has(name))
  return {
    requirements,
    ok: ok && missing.length === 0,
    scenarios: {
      passed: scored.filter((name) => passes(results.get(name))).length,
      total: scored.length,
    },
    checks: {
      passed: all.filter((check) => check.status === 'SUCCESS').length,
      failed: all.filter(failed).length,
    },
    failures: [
      ...missing.flatMap((name) =>
        failuresOf(name, true, [{ id: name, status: 'FAILURE', errorMessage: 'did not run' }]),
      ),
      ...[...results].flatMap(([name, checks]) => failuresOf(name, isScored.has(name), checks)),
    ],
    unscored: {
      passed: unscored.filter((name) => !results.get(name)?.some(failed)),
      failed: unscored.filter((name) => results.get(name)?.some(failed)),
    },
    baseline: {
      stale: listed(output, 'Stale baseline entries'),
      unexpected: listed(output, 'Unexpected failures (not'),
    },
  }
}
