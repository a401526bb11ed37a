/** From the declared file and the stored state to the running Snapshot; a bad configuration changes nothing. */
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
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
import { compileSnapshot, type Snapshot } from '../snapshot/compile.ts'
import { readDeclared } from '../store/declared.ts'
import { resolveSecrets } from '../store/resolve-secrets.ts'
import type { Revocations } from '../store/revocations.ts'
import { storedToDesired } from '../store/stored-to-desired.ts'

const emptyStored: StoredState = {
  servers: {},
  toolsets: {},
  roles: {},
  access: [],
  limits: [],
  keys: [],
  version: 0,
}

export interface ConfigurationOptions {
  /** Undefined: everything is stored, nothing declared. */
  readonly file: string | undefined
  readonly environment: Readonly<Record<string, string | undefined>>
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
    }
  | { readonly ok: false; readonly issues: readonly Issue[] }

/** Holds the last good declared part and the stored part, and compiles the two together. */
export class Configuration {
  private readonly options: ConfigurationOptions
  private declaredPart: DesiredState = desiredState.parse({})
  private locate:
    | Extract<Awaited<ReturnType<typeof readDeclared>>, { ok: true }>['locate']
    | undefined
  /** What the database had when it was asked last, or the last good copy of it. */
  stored: StoredState = emptyStored
  issues: readonly Issue[] = []
  /** `listen.advertise` of the last good configuration, its references replaced. */
  advertise: string | undefined

  constructor(options: ConfigurationOptions) {
    this.options = options
  }

  get declared(): { readonly file: string | undefined; readonly state: DesiredState } {
    return { file: this.options.file, state: this.declaredPart }
  }

  /** Where a value of the declared file stands. */
  placeOf(path: readonly PropertyKey[]): Pick<Issue, 'file' | 'line' | 'column'> {
    return this.locate?.(path) ?? { file: undefined, line: undefined, column: undefined }
  }

  /** Reads the file again. With issues, the part that was good before stays. */
  async readFile(): Promise<readonly Issue[]> {
    if (this.options.file === undefined) return []
    const read = await readDeclared(this.options.file)
    if (!read.ok) {
      this.issues = read.issues
      return read.issues
    }
    this.declaredPart = read.state
    this.locate = read.locate
    return []
  }

  compile(listings: readonly Listing[], previous: Snapshot | undefined): Applied {
    const merged = storedToDesired(this.declaredPart, this.stored)
    const resolved = resolveSecrets(merged.state, {
      environment: this.options.environment,
      baseFolder: this.options.file === undefined ? process.cwd() : dirname(this.options.file),
      readFile: (path) => readFileSync(path, 'utf8'),
      ...(this.locate === undefined ? {} : { locate: this.locate }),
    })
    if (!resolved.ok) return this.refuse(resolved.issues)
    const compiled = compileSnapshot({
      state: merged.state,
      keys: this.keys(),
      listings,
      local: this.options.local,
      previous,
    })
    if (!compiled.ok) return this.refuse(compiled.issues)
    this.issues = merged.issues
    this.advertise = resolved.state.listen.advertise
    return {
      ok: true,
      snapshot: compiled.snapshot,
      servers: resolved.state.servers,
      secrets: resolved.secrets,
      issues: merged.issues,
    }
  }

  /** The stored keys, with the revocations that are not stored yet. */
  keys(): readonly KeyRow[] {
    return this.options.revocations.over(this.stored.keys)
  }

  private refuse(issues: readonly Issue[]): Applied {
    this.issues = issues
    return { ok: false, issues }
  }
}
