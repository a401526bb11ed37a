// Twenty kills of a gateway under load, every other one right when a segment of the journal changes.
import { expect, test } from 'vitest'
import { killAgainAndAgain } from '../faults/kill.ts'

test.runIf(process.platform === 'linux')(
  'twenty kills lose nothing that was answered',
  async () => {
    const answers = await killAgainAndAgain({
      rounds: 20,
      atSegmentChange: (round) => round % 2 === 0,
    })
    expect(answers).toBeGreaterThan(2_000)
  },
  900_000,
)
