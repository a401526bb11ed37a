/** A proof that no room made: an object with the right members is still none. */
import type { Call } from '../../../src/model/call.ts'
import type { Presented } from '../../../src/model/presented.ts'
import type { Permitted, Recorded, Released } from '../../../src/model/proofs.ts'
import type { Reply } from '../../../src/model/reply.ts'
import type { Target } from '../../../src/model/target.ts'

declare const call: Call
declare const target: Target
declare const reply: Reply
declare const permitted: Permitted
declare const presented: Presented

const rule = 'mine: allow */*'

// @ts-expect-error Property '[proof]' is missing
export const handmade: Permitted = { action: call, target, rule }
// @ts-expect-error '{ readonly permitted: true; }' is missing the following properties
export const promoted: Recorded = { ...permitted, presented, startedAt: 0 }
// @ts-expect-error Property '[proof]' is missing
export const released: Released = { reply }
