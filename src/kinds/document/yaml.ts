/**
 * YAML of strangers as JSON: the core schema of YAML 1.2 with merge keys, bounded in depth and in what aliases repeat.
 * The library tells events first, so that both are known before anything is built of them.
 */
import {
  CORE_SCHEMA,
  constructFromEvents,
  defineMappingTag,
  defineScalarTag,
  defineSequenceTag,
  EVENT_ID,
  type Event,
  getScalarValue,
  mergeTag,
  parseEvents,
  YAMLException,
} from 'js-yaml'
import type { Entry } from './repeated.ts'
import { decideWritten, writtenMapTag, writtenTags } from './written.ts'

/** Nesting of a document; the library recurses. */
const depthMax = 1_000
/** Nodes that aliases stand for, those within them counted: they are shared here, but written out for each tool. */
const aliasedMax = 1_000_000
const mergedKeysMax = 100_000

/** Tags of programs and of YAML 1.1, e.g. `!!timestamp`, say nothing in JSON: what they mark is taken as it is. */
const unknownTags = { matchByTagPrefix: true, identify: () => false }
const schema = CORE_SCHEMA.withTags(
  ...writtenTags,
  writtenMapTag,
  mergeTag,
  defineScalarTag('', { ...unknownTags, resolve: (source) => source }),
  defineSequenceTag<unknown[]>('', {
    ...unknownTags,
    create: () => [],
    addItem: (list, item) => {
      list.push(item)
    },
  }),
  defineMappingTag('', {
    ...unknownTags,
    create: writtenMapTag.create,
    addPair: writtenMapTag.addPair,
    has: writtenMapTag.has,
    keys: writtenMapTag.keys,
    get: writtenMapTag.get,
  }),
)

/** Why a text is not read. */
export class YamlFault extends Error {
  readonly tooLarge: boolean
  /** `line N column M`; empty when unknown. */
  readonly place: string

  constructor(reason: string, options: { tooLarge: boolean; place: string; cause?: unknown }) {
    super(reason, { cause: options.cause })
    this.tooLarge = options.tooLarge
    this.place = options.place
  }
}

export interface ReadYaml {
  /** Undefined when there is nothing. */
  readonly value: unknown
  /** Keys of the document and, below `paths`, those of its two next levels, equal ones included. */
  readonly entries: readonly Entry[]
}

/** The first document of a text. @throws YamlFault */
export function readYaml(text: string): ReadYaml {
  try {
    const events = firstDocument(parseEvents(text, { maxDepth: depthMax }))
    const entries = new Survey(text).of(events)
    const [value] = constructFromEvents(events, {
      source: text,
      schema,
      // Equal keys: the last one counts, as in JSON. Which ones are lost is told by the entries.
      json: true,
      maxTotalMergeKeys: mergedKeysMax,
    })
    return { value: decideWritten(value), entries }
  } catch (thrown) {
    throw faultOf(thrown)
  }
}

function faultOf(thrown: unknown): unknown {
  if (thrown instanceof RangeError)
    return new YamlFault('it is nested too deep', { tooLarge: true, place: '', cause: thrown })
  if (!(thrown instanceof YAMLException)) return thrown
  const { reason, mark } = thrown
  const tooLarge = /^(?:nesting|merge keys) exceeded/.test(reason)
  return new YamlFault(reason.startsWith('nesting') ? 'it is nested too deep' : reason, {
    tooLarge,
    place: mark === undefined ? '' : `line ${mark.line + 1} column ${mark.column + 1}`,
    cause: thrown,
  })
}

/** Those that a document consists of, without the document after it. */
function firstDocument(events: Event[]): Event[] {
  const second = events.findIndex(({ type }, at) => at > 0 && type === EVENT_ID.DOCUMENT)
  return second < 0 ? events : events.slice(0, second)
}

interface Draft extends Entry {
  readonly entries: Draft[]
}

/** A collection that is open, or the document. */
interface Frame {
  readonly anchor: string
  readonly isMapping: boolean
  /** Of a mapping whose keys are wanted. */
  readonly entries: Draft[] | undefined
  readonly level: number
  nodes: number
  /** Whether a key has come and its value has not. */
  keyed: boolean
}

/** How many nodes aliases stand for, and the keys that are wanted. */
class Survey {
  private readonly root: Draft[] = []
  private readonly source: string
  private readonly open: Frame[] = []
  /** Nodes of what an anchor names; undefined while it is open. */
  private readonly anchors = new Map<string, number | undefined>()
  private aliased = 0

  constructor(source: string) {
    this.source = source
  }

  /** @throws YamlFault */
  of(events: readonly Event[]): readonly Entry[] {
    for (const event of events)
      switch (event.type) {
        case EVENT_ID.DOCUMENT:
          this.push('', false, undefined)
          break
        case EVENT_ID.SEQUENCE:
          this.push(this.anchorOf(event), false, undefined)
          break
        case EVENT_ID.MAPPING:
          this.push(this.anchorOf(event), true, this.wanted())
          break
        case EVENT_ID.SCALAR: {
          const anchor = this.anchorOf(event)
          if (anchor !== '') this.anchors.set(anchor, 1)
          if (this.wantsKey) this.key(getScalarValue(this.source, event))
          this.add(1)
          break
        }
        case EVENT_ID.ALIAS:
          if (this.wantsKey) this.key(`*${this.anchorOf(event)}`)
          this.add(this.expanded(this.anchorOf(event)))
          break
        case EVENT_ID.POP: {
          const closed = this.open.pop()
          if (closed === undefined) break
          if (closed.anchor !== '') this.anchors.set(closed.anchor, closed.nodes)
          if (this.open.length > 0) this.add(closed.nodes)
          break
        }
      }
    return this.root
  }

  private anchorOf({ anchorStart, anchorEnd }: { anchorStart: number; anchorEnd: number }): string {
    return anchorStart < 0 ? '' : this.source.slice(anchorStart, anchorEnd)
  }

  private get wantsKey(): boolean {
    const frame = this.open.at(-1)
    return frame?.entries !== undefined && !frame.keyed
  }

  private key(key: string): void {
    this.open.at(-1)?.entries?.push({ key, entries: [] })
  }

  /** Where the keys of a mapping that opens now go: those of the document, of `paths` and of what is in it. */
  private wanted(): Draft[] | undefined {
    const above = this.open.at(-1)
    if (above === undefined || above.level === 0) return this.root
    const entry = above.keyed ? above.entries?.at(-1) : undefined
    const isBelow = above.level === 1 ? entry?.key === 'paths' : above.level === 2
    return isBelow ? entry?.entries : undefined
  }

  private push(anchor: string, isMapping: boolean, entries: Draft[] | undefined): void {
    if (anchor !== '') this.anchors.set(anchor, undefined)
    this.open.push({ anchor, isMapping, entries, level: this.open.length, nodes: 1, keyed: false })
  }

  private add(nodes: number): void {
    const frame = this.open.at(-1)
    if (frame === undefined) return
    frame.nodes += nodes
    if (frame.isMapping) frame.keyed = !frame.keyed
  }

  private expanded(anchor: string): number {
    if (!this.anchors.has(anchor)) return 1
    const nodes = this.anchors.get(anchor)
    if (nodes === undefined)
      throw new YamlFault(`the alias ${shown(anchor)} stands in what it names`, {
        tooLarge: true,
        place: '',
      })
    this.aliased += nodes
    if (this.aliased > aliasedMax)
      throw new YamlFault(`its aliases stand for more than ${aliasedMax} values`, {
        tooLarge: true,
        place: '',
      })
    return nodes
  }
}

const shown = (name: string): string => JSON.stringify(name.slice(0, 60))
