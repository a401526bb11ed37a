/** A reply that no guard released does not leave. */
import type { Call } from '../../../src/model/call.ts'
import type { Reply } from '../../../src/model/reply.ts'
import { encodeReply } from '../../../src/wire/encode.ts'

declare const call: Call
declare const reply: Reply

const place = { uriPrefix: '', taskId: undefined, wrapsOutput: false }

// @ts-expect-error not assignable to parameter of type 'Released'
encodeReply(call, reply, place)
// @ts-expect-error '{ reply: Reply; }' is not assignable to parameter of type 'Released'
encodeReply(call, { reply }, place)
