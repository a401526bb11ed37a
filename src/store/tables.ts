/** The schema as Kysely sees it; `migrations/` makes it. */
import type { ColumnType } from 'kysely'
import type { ServerSpecInput, StoredState } from '../model/desired-state.ts'

interface Stored<Spec> {
  name: string
  spec: ColumnType<Spec, string, string>
  updated_at: ColumnType<Date, Date | undefined, Date>
}

interface Keys {
  hash: string
  name: string
  hint: string
  roles: readonly string[]
  user_name: string | null
  teams: readonly string[]
  environment: string | null
  created_at: Date
  expires_at: Date | null
  revoked_at: Date | null
}

interface Records {
  writer: string
  sequence: number
  at: Date
  kind: string
  call: string
  principal: string
  environment: string
  endpoint: string
  method: string
  server: string
  name: string
  detail: string
  count: number
  status: string
  code: string
  ms: number | null
  bytes: number | null
}

interface Nodes {
  node: string
  boot: string
  address: string
  seal: string
  leaving: boolean
  seen_at: Date
}

export interface Tables {
  servers: Stored<ServerSpecInput>
  toolsets: Stored<StoredState['toolsets'][string]>
  roles: Stored<StoredState['roles'][string]>
  access: Stored<StoredState['access'][number]>
  limits: Stored<StoredState['limits'][number]>
  keys: Keys
  state_version: { only_row: boolean; version: number }
  records: Records
  writers: { writer: string; next: number }
  nodes: Nodes
  journal_anchors: { node: string; box: string }
  outcomes_waiting: { call: string; at: Date }
}
