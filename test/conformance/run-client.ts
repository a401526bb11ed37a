// Runs one scenario of the official client suite against the driver, which is a gateway with a client in front.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Revision, readResults, run as runSuiteCommand } from './run-suite.ts'

export interface ClientRun {
  readonly scenario: string
  readonly revision: Revision
  /** The era in which the client speaks to the gateway; the suite's server is spoken to in its own. */
  readonly client: 'legacy' | 'modern'
  /** Checks that may fail: an exact list, so that one that passes again is seen. */
  readonly accepted: readonly string[]
}

export interface ClientOutcome {
  /** The verdict of the suite, its baseline included. */
  readonly ok: boolean
  readonly passed: number
  /** Ids of the checks that failed or were warned of. */
  readonly failed: readonly string[]
  readonly output: string
}

const driver = fileURLToPath(new URL('./client-driver.ts', import.meta.url))
const resultFolder = /^(.+)-\d{4}-\d{2}-\d{2}T[\d-]+Z$/

export async function runClientScenario(run: ClientRun): Promise<ClientOutcome> {
  const folder = await mkdtemp(join(tmpdir(), 'conformance-client-'))
  try {
    const baseline = join(folder, 'accepted.yml')
    const entries = run.accepted.map((check) => `  - ${run.scenario}:${check}\n`).join('')
    await writeFile(baseline, entries === '' ? 'client: []\n' : `client:\n${entries}`)
    const args = ['client', '--command', `${process.execPath} ${driver} --client ${run.client}`]
    args.push('--scenario', run.scenario, '--spec-version', run.revision, '-o', folder)
    args.push('--expected-failures', baseline)
    const { code, output } = await runSuiteCommand(args, folder)
    const checks = (await readResults(folder, resultFolder)).get(run.scenario)
    if (checks === undefined) throw new Error(`the scenario did not run: ${output}`)
    return {
      ok: code === 0 && !/CLIENT (TIMED OUT|EXITED WITH ERROR)/.test(output),
      passed: checks.filter((check) => check.status === 'SUCCESS').length,
      failed: checks
        .filter((check) => check.status === 'FAILURE' || check.status === 'WARNING')
        .map((check) => check.id),
      output,
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
