/**
 * Runs Sallyport under load with the CPU profiler of V8 and prints where its own time goes.
 * `node test/bench/profile.ts [--seconds N] [--target modern|legacy|bare] [--top N]`
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { SourceMap } from 'node:module'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { copyBundle, workFolder } from './bundle.ts'
import { freePort, start, startLoad, stopAll } from './processes.ts'
import { startGateway } from './sallyport.ts'
import { check, legacyCall, modernCall } from './session.ts'
import { here, startBare } from './targets.ts'

interface Node {
  readonly id: number
  readonly callFrame: {
    readonly functionName: string
    readonly url: string
    readonly lineNumber: number
    readonly columnNumber: number
  }
}
interface Profile {
  /** Microseconds of the monotonic clock. */
  readonly startTime: number
  readonly nodes: readonly Node[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    /** modern, legacy, or bare for the reference proxy. */
    target: { type: 'string', default: 'modern' },
    top: { type: 'string', default: '40' },
  },
})

/** Names a function by its source file, through the source map of the bundle. */
function naming(bundle: string): (node: Node) => string {
  const map = new SourceMap(JSON.parse(readFileSync(join(bundle, 'sallyport.mjs.map'), 'utf8')))
  return ({ callFrame }) => {
    const { functionName, url, lineNumber, columnNumber } = callFrame
    const name = functionName === '' ? '(anonymous)' : functionName
    if (!url.endsWith('sallyport.mjs'))
      return url === '' ? name : `${name}  ${url.replace(/^file:\/\/.*\//, '')}`
    const entry = map.findEntry(lineNumber, columnNumber)
    if (!('originalSource' in entry)) return name
    const file = entry.originalSource.replace(/^(?:.*?\/)?(src|node_modules)\//, '$1/')
    return `${name}  ${file}${functionName === '' ? `:${entry.originalLine + 1}` : ''}`
  }
}

interface Window {
  readonly from: number
  readonly to: number
  readonly calls: number
}

const monotonicUs = (): number => Number(process.hrtime.bigint() / 1_000n)

function print(
  profile: Profile,
  name: (node: Node) => string,
  window: Window,
  top: number,
): string {
  const { calls } = window
  const byId = new Map(profile.nodes.map((node) => [node.id, node]))
  const self = new Map<string, number>()
  let busy = 0
  let at = profile.startTime
  profile.samples.forEach((id, index) => {
    const node = byId.get(id)
    const us = profile.timeDeltas[index] ?? 0
    at += us
    if (at < window.from || at > window.to) return
    if (node === undefined || node.callFrame.functionName === '(idle)') return
    busy += us
    const key = name(node)
    self.set(key, (self.get(key) ?? 0) + us)
  })
  const files = new Map<string, number>()
  for (const [key, us] of self) {
    const file = (key.split('  ')[1] ?? key).replace(/:\d+$/, '')
    files.set(file, (files.get(file) ?? 0) + us)
  }
  const table = (of: Map<string, number>): string =>
    [...of]
      .sort((a, b) => b[1] - a[1])
      .slice(0, top)
      .map(
        ([key, us]) =>
          `${((us / busy) * 100).toFixed(1).padStart(5)} % ${(us / calls).toFixed(2).padStart(7)} us/call  ${key}`,
      )
      .join('\n')
  return `busy ${(busy / 1e6).toFixed(1)} s of the main thread over ${calls} calls: ${(busy / calls).toFixed(1)} us a call\n\nfunctions, self time\n${table(self)}\n\nfiles, self time\n${table(files)}\n`
}

const root = join(here, '../..')
const work = workFolder(root)
try {
  const bundle = copyBundle(root, work)
  const port = await freePort()
  await start({ args: [join(here, 'upstream.mjs'), String(port)], port })
  const profiles = join(work, 'profiles')
  const nodeArgs = ['--cpu-prof', '--cpu-prof-interval', '200', '--cpu-prof-dir', profiles]
  const gateway =
    values.target === 'bare'
      ? await startBare({ bundle, work, upstreamPort: port, upstreamPid: 0, shared: {} }, nodeArgs)
      : await startGateway({
          bundle,
          folder: join(work, 'profiled'),
          servers: {
            modern: { url: `http://127.0.0.1:${port}/mcp` },
            legacy: { url: `http://127.0.0.1:${port}/legacy`, era: 'legacy' },
          },
          nodeArgs,
        })
  const place = { port: gateway.port, key: gateway.key, path: '/mcp' }
  const request =
    values.target === 'legacy'
      ? await legacyCall(place, 'legacy__echo')
      : modernCall(place, values.target === 'bare' ? 'echo' : 'modern__echo')
  await check(request, 20)
  const load = startLoad(join(here, 'load.ts'))
  const job = {
    request,
    connections: 16,
    warmMs: 2_000,
    rate: undefined,
    pid: gateway.pid,
    others: [],
    family: process.pid,
  }
  const measureMs = Number(values.seconds) * 1_000
  const began = monotonicUs()
  const outcome = await load.run({ ...job, measureMs })
  const from = began + job.warmMs * 1_000
  const window = { from, to: from + measureMs * 1_000, calls: outcome.calls }
  // Node writes the profile while it ends, which takes a while.
  await gateway.stop(120_000)
  const name = naming(bundle)
  const files = readdirSync(profiles).filter((file) => file.endsWith('.cpuprofile'))
  process.stdout.write(
    `${outcome.perSecond.toFixed(0)} calls/s, ${outcome.cpuUs.toFixed(1)} us of CPU a call (all threads, profiler on), ${outcome.errors} errors\n`,
  )
  for (const file of files) {
    const profile: Profile = JSON.parse(readFileSync(join(profiles, file), 'utf8'))
    process.stdout.write(`\n${file}\n${print(profile, name, window, Number(values.top))}`)
  }
} finally {
  await stopAll()
  rmSync(work, { recursive: true, force: true })
}
process.exit(0)
