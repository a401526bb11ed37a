/** From the declared file and the stored state to the running Snapshot; a bad configuration changes nothing. */
import type { Listing } from '../catalog/catalog.ts'
import {
  type DesiredState,
  desiredState,
  type Issue,
  type KeyRow,
  type ServerSpec,
  type StoredState,
} from '../model/desired-state.ts'
import type { Principal } from '../model/principal.ts'
import { leaveOutGone } from '../policy/stored-rules.ts'
import type { Declared, Locate } from '../store/declared.ts'
import type { Resolved } from '../store/resolve-secrets.ts'
import type { Revocations } from '../store/revocations.ts'
import type { Merged } from '../store/stored-to-desired.ts'
import { type Compiled, type CompileInput, compileSnapshot, type Snapshot } from './compile.ts'

const emptyStored: StoredState = {
  servers: {},
  toolsets: {},
  roles: {},
  access: [],
  limits: [],
  keys: [],
  version: 0,
}

/** Where desired state comes from. */
export interface Sources {
  /** The declared file; undefined: everything is stored, nothing declared. */
  readonly file: string | undefined
  read(file: string): Promise<Declared>
  /** What is declared, with what is stored. */
  merge(declared: DesiredState, stored: StoredState): Merged
  /** With the values of secrets in the place of references to them. */
  resolve(state: DesiredState, locate: Locate): Resolved
}

export interface ConfigurationOptions {
  readonly sources: Sources
  readonly local: Principal | undefined
  /** Revocations that the database may not have yet. */
  readonly revocations: Pick<Revocations, 'over'>
}

export type Applied =
  | {
      readonly ok: true
      readonly snapshot: Snapshot
      readonly servers: Readonly<Record<string, ServerSpec>>
      /** By server: what references to secrets in it were replaced by. */
      readonly secrets: ReadonlyMap<string, readonly string[]>
      readonly issues: readonly Issue[]
      /** Why stored servers are not in it, and stored rules grant nothing. */
      readonly leftOut: readonly Issue[]
    }
  | { readonly ok: false; readonly issues: readonly Issue[] }

/** What the declared file says. */
export type DeclaredFile = Extract<Declared, { ok: true }>

const nothingDeclared: DeclaredFile = {
  ok: true,
  state: desiredState.parse({}),
  given: {},
  digest: '',
  locate: () => ({ file: undefined, line: undefined, column: undefined }),
}

/** Holds the last good declared part and the stored part, and compiles the two together. */
export class Configuration {
  private readonly options: ConfigurationOptions
  private used = nothingDeclared
  /** What the database had when it was asked last, or the last good copy of it. */
  stored: StoredState = emptyStored
  /** Of the file that was read last, when it is not used. */
  private fileIssues: readonly Issue[] = []
  private compileIssues: readonly Issue[] = []
  /** `listen.advertise` of the last good configuration, its references replaced. */
  advertise: string | undefined

  constructor(options: ConfigurationOptions) {
    this.options = options
  }

  get issues(): readonly Issue[] {
    return [...this.fileIssues, ...this.compileIssues]
  }

  get declared(): { readonly file: string | undefined; readonly state: DesiredState } {
    return { file: this.options.sources.file, state: this.used.state }
  }

  /** Where a value of the declared file stands. */
  placeOf(path: readonly PropertyKey[]): Pick<Issue, 'file' | 'line' | 'column'> {
    return this.used.locate(path)
  }

  /** Reads the file anew; what it says is used from `use` on. */
  async readFile(): Promise<Declared> {
    const { file, read } = this.options.sources
    return file === undefined ? nothingDeclared : read(file)
  }

  /** Answers the one that was used before. */
  use(file: DeclaredFile): DeclaredFile {
    const before = this.used
    this.used = file
    this.fileIssues = []
    return before
  }

  /** The file that was read last is not used; the one before stays. */
  refuseFile(issues: readonly Issue[]): void {
    this.fileIssues = issues
  }

  /** With another file than the one that is used, to see whether it can be. */
  compile(
    listings: readonly Listing[],
    previous: Snapshot | undefined,
    file: DeclaredFile = this.used,
  ): Applied {
    const merged = this.options.sources.merge(file.state, this.stored)
    const { servers } = merged.state
    let resolved = this.resolve(file, servers)
    // One that runs already is not dropped for a change that cannot be used; one that does not run keeps nothing else back.
    const leftOut = resolved.ok
      ? []
      : [...new Set(resolved.issues.flatMap(({ path }) => storedServer(path, file) ?? []))].filter(
          (name) => previous?.state.servers[name]?.enabled !== true,
        )
    const issues = resolved.ok ? [] : resolved.issues
    if (leftOut.length > 0)
      resolved = this.resolve(
        file,
        Object.fromEntries(Object.entries(servers).filter(([name]) => !leftOut.includes(name))),
      )
    if (!resolved.ok) return this.answer(file, { ok: false, issues })
    const off = Object.entries(servers).map(
      ([name, spec]) =>
        [name, leftOut.includes(name) ? { ...spec, enabled: false } : spec] as const,
    )
    const rules = leaveOutGone(merged.state, file.state.access.length, previous?.state)
    const compiled = this.compiled(
      file,
      {
        ...merged.state,
        servers: Object.fromEntries(off),
        access: rules.access,
      },
      { keys: this.keys(), listings, previous, denials: rules.denials },
    )
    if (!compiled.ok) return this.answer(file, compiled)
    if (file === this.used) this.advertise = resolved.state.listen.advertise
    return this.answer(file, {
      ok: true,
      snapshot: compiled.snapshot,
      servers: resolved.state.servers,
      secrets: resolved.secrets,
      issues: [...merged.issues, ...rules.issues, ...issues],
      leftOut: [...rules.issues, ...issues],
    })
  }

  /** What the file says, before anything of what is stored is in force: its rules may name roles that are stored. */
  beginning(file: DeclaredFile): Compiled {
    const { roles } = this.options.sources.merge(file.state, this.stored).state
    return this.compiled(file, { ...file.state, roles }, { keys: [], listings: [] })
  }

  /** With the place of what is wrong. */
  private compiled(
    file: DeclaredFile,
    state: DesiredState,
    rest: Pick<CompileInput, 'keys' | 'listings'> &
      Partial<Pick<CompileInput, 'previous' | 'denials'>>,
  ): Compiled {
    const { local } = this.options
    const compiled = compileSnapshot({ previous: undefined, ...rest, state, local })
    return compiled.ok
      ? compiled
      : { ok: false, issues: compiled.issues.map((issue) => placed(issue, file)) }
  }

  /** Of what is stored only servers have references that anybody uses. */
  private resolve(file: DeclaredFile, servers: DesiredState['servers']): Resolved {
    const resolved = this.options.sources.resolve({ ...file.state, servers }, file.locate)
    if (resolved.ok) return resolved
    return { ok: false, issues: resolved.issues.map((issue) => storedIssue(issue, file)) }
  }

  /** The stored keys, with the revocations that are not stored yet. */
  keys(): readonly KeyRow[] {
    return this.options.revocations.over(this.stored.keys)
  }

  private answer(file: DeclaredFile, applied: Applied): Applied {
    if (file === this.used) this.compileIssues = applied.issues
    return applied
  }
}

/** The server of a path, when the administration stored it. */
function storedServer(path: string, { state }: DeclaredFile): string | undefined {
  const [part, name] = path.split('.')
  return part !== 'servers' || name === undefined || Object.hasOwn(state.servers, name)
    ? undefined
    : name
}

/** What is stored has no place in the file. */
function storedIssue(issue: Issue, file: DeclaredFile): Issue {
  const name = storedServer(issue.path, file)
  if (name === undefined) return issue
  const message = `${issue.message} (it is stored: mend that, or run "sallyport add ${name} ... --replace" or "sallyport remove ${name}")`
  return { path: issue.path, message, file: undefined, line: undefined, column: undefined }
}

/** A stored rule that runs is not dropped for a file that takes a role of it away. What is declared has a place. */
function placed(issue: Issue, { state, locate }: DeclaredFile): Issue {
  const index = /^access\.(\d+)\./.exec(issue.path)?.[1]
  if (index === undefined || Number(index) < state.access.length) {
    const steps = issue.path.split('.').map((step) => (/^\d+$/.test(step) ? Number(step) : step))
    return { ...issue, ...locate(steps) }
  }
  const message = `${issue.message} (a stored rule names it: "sallyport rules ls" shows its id, "sallyport rules remove ID" removes it)`
  return { ...issue, path: 'access', message }
}

/** A configuration that cannot be used stops the start, with the place of every fault. */
export class ConfigurationError extends Error {
  readonly code = 'invalid'
  readonly issues: readonly Issue[]
  constructor(issues: readonly Issue[]) {
    super(issues.map(issueText).join('\n'))
    this.name = 'ConfigurationError'
    this.issues = issues
  }
}

/** `file:line:column path: message`. */
function issueText(issue: Issue): string {
  const place =
    issue.file === undefined
      ? ''
      : `${issue.file}${issue.line === undefined ? '' : `:${issue.line}:${issue.column ?? 1}`} `
  return `${place}${issue.path === '' ? '' : `${issue.path}: `}${issue.message}`
}
