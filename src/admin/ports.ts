/** What the administration needs of the rest of the gateway. The composition root provides it. */
import type { Actor, UnderRecord } from '../model/change.ts'
import type {
  DesiredState,
  InForce,
  Issue,
  KeyRow,
  ServerKind,
  ServerSpecInput,
} from '../model/desired-state.ts'
import type { Snapshot } from '../snapshot/compile.ts'
import type { Store } from '../store/store.ts'
import type { AuditLine } from './contract/audit.ts'
import type { ConversionAccount, ConversionView, DetectRequest } from './contract/convert.ts'
import type { TriedView } from './contract/servers.ts'

/** What looks at descriptions of APIs. */
export interface ConversionPorts {
  /** Tells what a source is. Never rejects for a fault of the source. */
  detect(request: DetectRequest): Promise<Detected>
  /** Converts a description once, beside what runs. Never rejects for a fault of the description. */
  convert(spec: ServerSpecInput): Promise<Converted>
}

export interface AdminPorts extends ConversionPorts {
  readonly version: string
  /** Absolute. */
  readonly dataDir: string
  readonly store: Store
  readonly now: () => number
  /** The running Snapshot: declared and stored together, references unresolved. */
  snapshot(): Snapshot
  /** The declared file as it was last good; `state` has only what the file says. */
  declared(): { readonly file: string | undefined; readonly state: DesiredState }
  /** What is wrong with the configuration at the moment. */
  issues(): readonly Issue[]
  /**
   * Compiles anew after a write and swaps, unless the running Snapshot stays; what is wrong is answered and also what
   * `issues` tells from then on.
   */
  apply(): Promise<InForce>
  /** Connects once, beside what runs, and closes again. Never rejects for a fault of the server. */
  tryServer(name: string, spec: ServerSpecInput): Promise<Tried>
  /** Resolves when a stored server was listed for the first time, or after some seconds. */
  listed(name: string): Promise<void>
  /** Makes a call through all rooms, and cancels it when its caller is gone. Rejects with GatewayError when a room says no. */
  call(request: CallRequest, gone: AbortSignal): Promise<CallAnswer>
  /** Undefined when there is no such principal. */
  explain(request: ExplainRequest): Promise<Explained | undefined>
  /** Undefined when this gateway knows of no valid key of that name; the database may. */
  validKey(name: string, at: number): KeyRow | undefined
  /** Whether this gateway refuses it already, although the database may not know. */
  isRevokedHere(row: KeyRow): boolean
  /**
   * Refuses a key from now on, in memory and on disk, whatever becomes of the database. `known`: a key of that name was
   * valid here. `fault`: why it is in memory only.
   */
  revokeHere(
    name: string,
    at: number,
  ): Promise<{ readonly known: boolean; readonly fault: Error | undefined }>
  /** What is in force here, but not yet in the database or on disk. In sentences; none when nothing is wrong. */
  notKept(): readonly string[]
  readonly audit: AuditPort
  /** How every change is made. */
  readonly underRecord: UnderRecord
  /** A new sealing key. */
  rotateSecrets(
    actor: Actor,
  ): Promise<{ readonly current: string; readonly kept: readonly string[] }>
  /** Undefined while nothing listens. */
  readonly gateway: {
    readonly endpoint: () => string | undefined
    /** Role of --insecure-local. */
    readonly insecureLocal: string | undefined
  }
  readonly log: (event: { readonly level: 'warn' | 'error'; readonly text: string }) => void
}

export type FaultReason = Extract<TriedView, { ok: false }>['reason']

/** Why something cannot be used. */
export interface Fault {
  readonly ok: false
  readonly reason: FaultReason
  readonly message: string
  /** Where in a description. */
  readonly place?: string
}

export type Tried =
  | {
      readonly ok: true
      readonly era: string
      readonly revision: string
      readonly tools: readonly string[]
      readonly leftOut: readonly { readonly name: string; readonly reason: string }[]
      /** Tools whose arguments cannot be checked, or not in full. */
      readonly schemas: readonly {
        readonly tool: string
        /** Why its calls are refused. */
        readonly fault?: string
        readonly skipped: readonly { readonly place: string; readonly reason: string }[]
      }[]
      /** Of servers that are APIs. */
      readonly conversion?: ConversionAccount
    }
  | Fault

export type Detected =
  | {
      readonly ok: true
      readonly kind: ServerKind
      /** For people, e.g. `an OpenAPI description`. */
      readonly what: string
      readonly spec: ServerSpecInput
    }
  | Fault

export type Converted = { readonly ok: true; readonly view: ConversionView } | Fault

export interface CallRequest {
  /** Undefined: as the principal of --insecure-local, if there is one. */
  readonly key: string | undefined
  readonly server: string
  readonly tool: string
  readonly argumentsJson: string
}

export interface CallAnswer {
  readonly kind: 'complete' | 'input_required' | 'error'
  readonly json: string
}

export interface ExplainRequest {
  /** `key:NAME`, `local`, or `user:NAME`: the valid keys of that user decide. */
  readonly principal: string
  readonly kind: 'tool' | 'prompt' | 'resource'
  readonly server: string
  readonly name: string
}

/** What `explain` of the policy answers. */
export interface Explained {
  readonly allowed: boolean
  readonly rule: string
  readonly principal: string
  readonly target: string
  readonly roles: readonly {
    readonly role: string
    readonly via: readonly string[]
    readonly defined: boolean
  }[]
  readonly matches: readonly {
    readonly role: string
    readonly effect: 'allow' | 'deny'
    readonly pattern: string
  }[]
}

export interface AuditPort {
  /** Next sequence of each writer, as far as the manifest knows: never too high. */
  heads(): Promise<ReadonlyMap<string, number>>
  /** Entries of all writers from a sequence on; with a signal, goes on until it aborts. */
  read(
    from: (writer: string) => number,
    follow: AbortSignal | undefined,
  ): AsyncIterable<JournalLine>
  verify(): Promise<VerifiedJournal>
  /** How it stands with the evidence at the moment, in sentences; none when nothing is wrong. */
  state(): { readonly journal: string; readonly details: readonly string[] }
  /** Why entries that the journal did not take are in memory only; undefined: they are kept on disk. */
  heldFault(): Error | undefined
}

export type JournalLine = Pick<AuditLine, 'writer' | 'sequence'> & {
  readonly entry: { readonly kind: string; readonly at: number }
}

export interface VerifiedJournal {
  readonly ok: boolean
  readonly writers: readonly {
    readonly writer: string
    readonly state: string
    readonly repaired: boolean
    readonly entries: number
    readonly groups: number
    readonly segments: number
    readonly head: string
  }[]
  readonly faults: readonly {
    readonly writer: string
    readonly segment: number
    readonly line?: number
    readonly what: string
  }[]
}
