import { noCapabilities } from '../model/call.ts'
import type { ServerCodec } from '../model/codec.ts'
import type { Facts } from '../model/facts.ts'
import { names } from '../model/methods.ts'

/** RFC 5424 names, the most verbose first. */
const levels = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency']

/** The one log level of a legacy session: the most verbose that anybody in it asked for; each call filters its own. */
export class Level {
  private rank = levels.length

  /** What is to be sent so that the level is heard; undefined: nothing. */
  raise(
    level: string | undefined,
    facts: Facts,
    codec: ServerCodec,
    nextId: () => number,
  ): string | undefined {
    if (level === undefined || facts.era !== 'legacy') return undefined
    const rank = levels.indexOf(level)
    if (!facts.declared.names.has('logging') || rank >= this.rank) return undefined
    this.rank = rank
    return codec.ownRequest('legacy', facts.revision, {
      id: nextId(),
      method: names.setLevel,
      params: [{ key: 'level', raw: `"${level}"` }],
      capabilities: noCapabilities,
    })
  }
}
