/**
 * What a kind of API is to the rest of the gateway: a server with a description that becomes tools. Whatever is
 * heavy is imported when a server of the kind is there, so that a gateway without one neither loads nor pays for it.
 */
import type { Egress } from '../egress/egress.ts'
import type { JsonMember } from '../kit/json-scan.ts'
import type { Conversion } from '../model/conversion.ts'
import type { ApiKind, ApiSpecInputs, ApiSpecs } from '../model/kinds/all.ts'
import type { Executor, ExecutorOptions } from './api/executor.ts'

/** How a kind is known. Answers say what it is for people, e.g. `a Postman collection`; undefined: not of this kind. */
export interface Recognition {
  /** Members at the top of a JSON or YAML document that only its descriptions have. */
  readonly names?: readonly string[]
  /** Members at the top of a JSON document that are looked into for `ofText`. */
  readonly inside?: readonly string[]
  /** By content. */
  readonly ofText: (text: Sample) => string | undefined
  /** By the first bytes of what is no text. */
  readonly ofBytes?: (bytes: Buffer, location: string) => string | undefined
  /** By the form of an address, before anything is read. */
  readonly ofAddress?: (address: string) => string | undefined
  /** By asking what answers at a URL. */
  readonly ofAnswer?: (url: URL, asking: Asking) => Promise<string | undefined>
  /** What places of descriptions are called: one that cannot be read is not taken for something else. */
  readonly places?: RegExp
  /** Paths where services of the kind have their descriptions. */
  readonly usual?: readonly string[]
}

/** A text as kinds look at it. Names of files only settle what content leaves open. */
export interface Sample {
  readonly form: 'json' | 'xml' | 'other'
  /** Formats tell themselves within their first lines. */
  readonly head: string
  readonly text: string
  /** Of JSON, at the top; none when it is broken. */
  readonly members: readonly JsonMember[]
  /** Of all `names` of all kinds the one that the document has. */
  readonly named: string | undefined
  readonly location: string
}

export interface Asking {
  readonly egress: Egress
  readonly headers: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

/** What somebody who adds a server said beside its kind. */
export interface Added {
  /** Absolute path, URL, or address. */
  readonly source: string
  readonly baseUrl: string | undefined
  /** Where calls go, when the source does not say it. @throws when nobody said it */
  where(): string
  /** Members that were given, as the entry has them. */
  readonly root: { readonly root?: string }
  readonly headers: { readonly headers?: Readonly<Record<string, string>> }
  readonly operations: Pick<ApiSpecInputs['sql'], 'operations'>
}

/** What has a kind and can be told from others by it. */
export interface Recognisable<Name extends string> {
  /** The member of an entry of `sallyport.yaml`. */
  readonly name: Name
  readonly recognition: Recognition
}

export interface Kind<Name extends string, Spec, Input> extends Recognisable<Name> {
  /** Whether descriptions may point at files in the folder that the member `root` names. */
  readonly hasRoot: boolean
  /** Calls are made with an account, so that a refusal is one of the login. */
  readonly hasAccount: boolean
  /** The member that says where calls go: `--base-url` of commands, unless the source itself is that. */
  readonly addressedBy: string
  /** The entry that `add` makes. */
  readonly entry: (added: Added) => Readonly<Record<Name, Input>>
  /** The spec with its paths made absolute by `absolute`. */
  readonly located: (spec: Spec, absolute: (place: string) => string) => Spec
  /** Where it is, as lists show it; what is secret in it is masked there. */
  readonly address: (spec: Spec) => string
  /** Path or URL of the description; undefined: the executor introspects. */
  readonly description: (spec: Spec) => string | undefined
  /** URLs, or host:port, that calls go to as far as the operator wrote them. `doctor` tries them, too. */
  readonly endpoints: (spec: Spec) => readonly string[]
  /** URLs that a conversion's calls go to: what `doctor` tries. */
  readonly targets: (conversion: Conversion) => readonly string[]
  /** URLs that a conversion's calls get their tokens from: what `doctor` tries. */
  readonly tokens: (conversion: Conversion) => readonly string[]
  /** Imports what carries out its calls. */
  readonly executor: () => Promise<(options: ExecutorOptions<Spec>) => Executor<unknown, unknown>>
}

/** A kind of the product. */
export type ApiKindOf<K extends ApiKind> = Kind<K, ApiSpecs[K], ApiSpecInputs[K]>

/** A kind together with the spec of one server. */
export interface Bound {
  /** Path or URL of the description; undefined: introspection. */
  readonly description: string | undefined
  /** Where files that the description points at may lie beside its own folder. */
  readonly root: string | undefined
  readonly endpoints: readonly string[]
  /** E.g. `openapi.baseUrl`. */
  readonly addressedBy: string
  targets(conversion: Conversion): readonly string[]
  tokens(conversion: Conversion): readonly string[]
  executor(options: Omit<ExecutorOptions<unknown>, 'spec'>): Promise<Executor<unknown, unknown>>
}

/** `spec` has absolute paths. */
export function bind<Name extends string, Spec extends object, Input>(
  kind: Kind<Name, Spec, Input>,
  spec: Spec,
): Bound {
  const root = 'root' in spec ? spec.root : undefined
  return {
    description: kind.description(spec),
    root: typeof root === 'string' ? root : undefined,
    endpoints: kind.endpoints(spec),
    addressedBy: `${kind.name}.${kind.addressedBy}`,
    targets: kind.targets,
    tokens: kind.tokens,
    executor: async (options) => (await kind.executor())({ ...options, spec }),
  }
}

/** The places that are there. */
export function some(...places: readonly (string | undefined)[]): readonly string[] {
  return places.filter((place) => place !== undefined)
}

export function none(): readonly string[] {
  return []
}

/** Values of one text member of all plans. */
export function ofPlans(member: string): (conversion: Conversion) => readonly string[] {
  return ({ tools }) => {
    const values = tools.map(({ plan }): unknown =>
      typeof plan === 'object' && plan !== null
        ? Object.getOwnPropertyDescriptor(plan, member)?.value
        : undefined,
    )
    return [...new Set(values.filter((value) => typeof value === 'string'))]
  }
}

/** The spec with the folder of its files made absolute. */
export function rooted<S extends { readonly root?: string | undefined }>(
  spec: S,
  absolute: (place: string) => string,
): S {
  return spec.root === undefined ? spec : { ...spec, root: absolute(spec.root) }
}

export function isUrl(place: string): boolean {
  return /^https?:\/\//i.test(place)
}
