/**
 * What something costs the processor, as a multiple of a piece of work that is measured beside it: the same on a slow
 * machine as on a fast one, and whatever else runs.
 */
const unit = JSON.stringify(
  Array.from({ length: 5_000 }, (_, at) => ({ id: at, name: `name ${at}`, tags: ['a', 'b', at] })),
)

function cpuMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1_000
}

/** Processor time of reading and writing some 250 KB of JSON once, in milliseconds; about 3 on a machine of 2026. */
function unitMs(): number {
  const rounds = 20
  const since = process.cpuUsage()
  for (let round = 0; round < rounds; round++) JSON.stringify(JSON.parse(unit))
  return cpuMs(since) / rounds
}

/** Runs something once and gives its cost in units. */
export async function costOf(run: () => unknown): Promise<number> {
  const before = unitMs()
  const since = process.cpuUsage()
  await run()
  const spent = cpuMs(since)
  return spent / Math.max(before, unitMs())
}
