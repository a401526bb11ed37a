// The small part of the interop run, as a test; it needs the interop workspace.
import { describe, expect, test } from 'vitest'
import { clients } from './clients.ts'
import { notInstalled } from './places.ts'
import { servers } from './servers.ts'

const RUN_MS = 240_000
const packages = [...clients, ...servers]
  .filter((one) => one.quick === true)
  .map((one) => one.package)
const missing = notInstalled(packages)

describe('clients and servers that nobody here wrote', () => {
  if (missing.length > 0) {
    test.skip(`skipped, not installed: ${missing.join(', ')}; npm run interop installs them`)
    return
  }
  test(
    'meet through the gateway, and see no more than their key allows',
    async () => {
      // Loaded here, since it imports packages of a workspace that may not be installed.
      const { interop } = await import('./interop.ts')
      const report = await interop({ quick: true, progress: () => undefined })
      const failed = report.cells.filter((cell) => cell.status === 'failed')
      expect(failed).toEqual([])
      expect(report.stale).toEqual([])
      expect(report.cells).toHaveLength(report.clients.length * (report.servers.length + 2))
    },
    RUN_MS,
  )
})
