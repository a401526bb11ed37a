// Two rounds of what `test/long/kill.test.ts` does twenty times.
import { expect, test } from 'vitest'
import { killAgainAndAgain } from './kill.ts'

test.runIf(process.platform === 'linux')(
  'what a killed gateway answered is in its journal, and nothing that it started stays',
  async () => {
    const answers = await killAgainAndAgain({ rounds: 2, atSegmentChange: (round) => round === 2 })
    expect(answers).toBeGreaterThan(200)
  },
)
