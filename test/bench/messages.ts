/** What the runner and the load generator say to each other, one JSON object a line. */

export interface RequestSpec {
  readonly port: number
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  /** With `10000000` where a new id goes into every request. */
  readonly body: string
  /** Must be in every answer; anything else counts as an error. */
  readonly expect: string
}

export interface Job {
  readonly request: RequestSpec
  readonly connections: number
  readonly warmMs: number
  readonly measureMs: number
  /** Requests a second of an open loop; undefined: every connection asks again as soon as it has its answer. */
  readonly rate: number | undefined
  /** Process of the gateway, whose CPU time is read at both ends of the measured window. */
  readonly pid: number
  /** Processes below it that work for every call, e.g. its database. */
  readonly others: readonly number[]
  /** Process whose whole family belongs to the benchmark. */
  readonly family: number
}

export interface Outcome {
  readonly calls: number
  readonly errors: number
  readonly firstError: string | undefined
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Microseconds of CPU for one call. */
  readonly cpuUs: number
  readonly othersCpuUs: number
  readonly loadCpuUs: number
  /** Cores that were taken by work that is no part of the benchmark. */
  readonly foreignCores: number
}

export const idPlaceholder = '10000000'
