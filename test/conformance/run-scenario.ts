// Runs one scenario of the official suite that no requirement set lists, such as those of extensions.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startHeaderProxy } from './header-proxy.ts'
import { type Check, readResults, run } from './run-suite.ts'

/** The checks of a scenario against a server; `headers` are added with the help of a loopback proxy. */
export async function runScenario(
  scenario: string,
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<readonly Check[]> {
  const proxy = await startHeaderProxy(url, headers)
  const folder = await mkdtemp(join(tmpdir(), 'conformance-'))
  try {
    const what = ['--scenario', scenario, '--spec-version', '2026-07-28', '--force']
    const { output } = await run(['server', '--url', proxy.url, ...what, '-o', folder], folder)
    const checks = (await readResults(folder)).get(scenario)
    if (checks === undefined) throw new Error(`the scenario did not run: ${output.trim()}`)
    return checks
  } finally {
    await proxy.close()
    await rm(folder, { recursive: true, force: true })
  }
}
