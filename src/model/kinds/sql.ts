import { z } from 'zod'
import { secret } from '../credential.ts'
import { selectionSpec } from './selection.ts'

const patterns = z.array(z.string().min(1)).default([])

const querySpec = z
  .strictObject({
    title: z.string().optional(),
    description: z.string().min(1).describe('For models: what it answers and when to use it'),
    sql: z
      .string()
      .min(1)
      .max(20_000)
      .describe('One statement; each parameter stands in it as :name'),
    parameters: z
      .record(
        z.string().regex(/^[a-z][a-z0-9_]{0,47}$/, 'a-z, 0-9 and _, at most 48'),
        z.record(z.string(), z.unknown()),
      )
      .default({})
      .describe('JSON Schema by name; one with a default may be left out'),
    readOnly: z.boolean().default(true).describe('false: it may write, which needs access: write'),
  })
  .describe('A statement that becomes a tool of its own')

export const sqlSpec = z
  .strictObject({
    url: secret.describe(
      'postgres://, mysql:// or mariadb:// URL, or sqlite:PATH; best as a reference',
    ),
    access: z
      .enum(['read', 'write'])
      .default('read')
      .describe('read: held by the database itself; write adds insert, update and delete tools'),
    schemas: patterns.describe(
      'Schemas that are shown, with *; all but those of the system if empty',
    ),
    include: patterns.describe(
      'Tables that are shown, as table or schema.table with *; all if empty',
    ),
    exclude: patterns.describe('Tables that are not shown'),
    tables: z
      .array(z.string().min(1))
      .default([])
      .describe('Tables that get typed tools: find_, get_, and with access: write insert_ ...'),
    queries: z
      .record(z.string().regex(/^[a-z][a-z0-9_]{0,47}$/, 'a-z, 0-9 and _, at most 48'), querySpec)
      .default({})
      .describe('Named queries'),
    rowsMax: z.number().int().min(1).max(10_000).default(200).describe('Rows of one answer'),
    bytesMax: z
      .number()
      .int()
      .min(1_000)
      .max(20_000_000)
      .default(1_000_000)
      .describe('Bytes of the rows of one answer'),
    timeoutMs: z
      .number()
      .int()
      .min(100)
      .max(3_600_000)
      .default(15_000)
      .describe('How long one statement may run'),
    connectionsMax: z.number().int().min(1).max(100).default(5),
    tls: z
      .enum(['verify', 'unverified', 'off'])
      .optional()
      .describe('Default: what the URL says, else off on this machine and verify everywhere else'),
    operations: selectionSpec.prefault({}),
  })
  .describe('A database: PostgreSQL, MySQL, MariaDB or SQLite')

export type SqlSpec = z.infer<typeof sqlSpec>

/** How values of a column look in JSON; the guide lists each. */
export const sqlValueKinds = [
  'integer',
  'bigint',
  'numeric',
  'float',
  'boolean',
  'text',
  'bytes',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'interval',
  'json',
  'uuid',
  'array',
  'other',
] as const
export type SqlValueKind = (typeof sqlValueKinds)[number]

const columnSchema = z.object({
  name: z.string(),
  /** As the database writes it, e.g. `numeric(10,2)`. */
  type: z.string(),
  kind: z.enum(sqlValueKinds),
  /** Of the elements of an array. */
  element: z.enum(sqlValueKinds).optional(),
  nullable: z.boolean(),
  /** Expression, as the database writes it. */
  default: z.string().optional(),
  /** Computed by the database; nobody can write it. */
  generated: z.boolean(),
  comment: z.string().optional(),
  /** Of an enum. */
  values: z.array(z.string()).optional(),
})
export type SqlColumn = z.infer<typeof columnSchema>

const tableSchema = z.object({
  schema: z.string(),
  name: z.string(),
  kind: z.enum(['table', 'view']),
  comment: z.string().optional(),
  /** Roughly. */
  rows: z.number().optional(),
  columns: z.array(columnSchema),
  primaryKey: z.array(z.string()),
  uniqueKeys: z.array(z.array(z.string())),
  foreignKeys: z.array(
    z.object({
      columns: z.array(z.string()),
      schema: z.string(),
      table: z.string(),
      references: z.array(z.string()),
    }),
  ),
  checks: z.array(z.string()),
})
export type SqlTable = z.infer<typeof tableSchema>

export const sqlEngines = ['postgresql', 'mysql', 'mariadb', 'sqlite'] as const
export type SqlEngine = (typeof sqlEngines)[number]

/** What an introspection says: the description of a database. */
export const sqlCatalogSchema = z.object({
  engine: z.enum(sqlEngines),
  version: z.string(),
  database: z.string(),
  /** Where a name without a schema is looked up first. */
  defaultSchema: z.string(),
  /** The account of the gateway; empty where there is none. */
  account: z.string(),
  tables: z.array(tableSchema),
  /** Tables that are there but were left out by the bound. */
  omitted: z.number(),
  /** What makes the account unfit for statements that others wrote, a sentence each. */
  dangers: z.array(z.string()),
  /** What the account could write, were it not held to reading. */
  writes: z.array(z.string()),
  /** What a careful operator takes from the account, a sentence each. */
  advice: z.array(z.string()),
  /** Statements that make a proper account. */
  remedy: z.string(),
})
export type SqlCatalog = z.infer<typeof sqlCatalogSchema>

/** A table as its typed tools know it. */
export interface SqlTarget {
  readonly schema: string
  readonly name: string
  readonly columns: readonly Pick<SqlColumn, 'name' | 'kind' | 'element'>[]
  readonly key: readonly string[]
  /** Every set of columns that names one row: the primary key first. */
  readonly keys: readonly (readonly string[])[]
}

/** How to carry out one tool of a database. */
export type SqlPlan =
  | { readonly kind: 'list' }
  | { readonly kind: 'describe' }
  | { readonly kind: 'query' }
  | {
      readonly kind: 'named'
      readonly name: string
      /** With the engine's own placeholders. */
      readonly sql: string
      /** Arguments in the order of the placeholders. */
      readonly order: readonly string[]
      readonly defaults: Readonly<Record<string, unknown>>
      readonly readOnly: boolean
    }
  | {
      readonly kind: 'find' | 'get' | 'insert' | 'update' | 'delete'
      readonly target: SqlTarget
    }

/** What all tools of a database share. */
export interface SqlCommon {
  readonly catalog: Pick<
    SqlCatalog,
    'engine' | 'version' | 'database' | 'defaultSchema' | 'omitted'
  > & {
    readonly tables: readonly SqlTable[]
  }
}
