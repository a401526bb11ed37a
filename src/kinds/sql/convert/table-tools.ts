/** The typed tools of one table: find, get, and where writing is allowed insert, update and delete. */
import type { JsonSchema, ToolDefinition } from '../../../model/conversion.ts'
import type {
  SqlColumn,
  SqlEngine,
  SqlPlan,
  SqlTable,
  SqlTarget,
} from '../../../model/kinds/sql.ts'
import { argumentSchema, columnNote, nullable, resultSchema } from './column-schema.ts'
import { engineName, fullName, pageMembers, rowsSchema } from './words.ts'

export interface TableTool {
  readonly operation: string
  readonly wish: string
  readonly definition: Omit<ToolDefinition, 'name'>
  readonly plan: SqlPlan
}

export interface TableContext {
  readonly engine: SqlEngine
  readonly defaultSchema: string
  readonly rowsMax: number
}

/** Kinds whose values compare and sort in every engine. */
const comparable: ReadonlySet<SqlColumn['kind']> = new Set([
  'integer',
  'bigint',
  'numeric',
  'float',
  'text',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'interval',
  'uuid',
])
const inMax = 100

function targetOf(table: SqlTable): SqlTarget {
  const keys = [table.primaryKey, ...table.uniqueKeys].filter((key) => key.length > 0)
  return {
    schema: table.schema,
    name: table.name,
    columns: table.columns.map(({ name, kind, element }) => ({
      name,
      kind,
      ...(element === undefined ? {} : { element }),
    })),
    key: table.primaryKey,
    keys,
  }
}

/** Names of a table's tools start with a verb: `find_orders`, or `find_sales_orders` outside the default schema. */
function wordsOf(table: SqlTable, { defaultSchema }: TableContext): string {
  return table.schema === defaultSchema ? table.name : `${table.schema} ${table.name}`
}

function tool(
  verb: Extract<SqlPlan, { target: SqlTarget }>['kind'],
  table: SqlTable,
  context: TableContext,
  definition: Omit<ToolDefinition, 'name'>,
): TableTool {
  return {
    operation: `${verb} ${table.schema}.${table.name}`,
    wish: `${verb} ${wordsOf(table, context)}`,
    definition,
    plan: { kind: verb, target: targetOf(table) },
  }
}

/** About the table, for the end of a description. */
function about(table: SqlTable, { engine }: TableContext): string {
  const key = table.primaryKey.length === 0 ? '' : ` Primary key: ${table.primaryKey.join(', ')}.`
  const references = table.foreignKeys
    .slice(0, 8)
    .map((one) => `${one.columns.join(', ')} -> ${one.table}(${one.references.join(', ')})`)
  const foreign = references.length === 0 ? '' : ` References: ${references.join('; ')}.`
  const comment = table.comment === undefined ? '' : ` ${table.comment.slice(0, 300)}`
  return `${engineName(engine)} ${table.kind} ${fullName(table)}.${key}${foreign}${comment}`
}

function referenceNote(table: SqlTable, column: SqlColumn): string {
  const reference = table.foreignKeys.find(
    (one) => one.columns.length === 1 && one.columns[0] === column.name,
  )
  return reference === undefined
    ? ''
    : `references ${reference.table}(${reference.references.join(', ')})`
}

function filterSchema(table: SqlTable, column: SqlColumn): JsonSchema {
  const value = argumentSchema(column)
  const operators: Record<string, JsonSchema> = {
    eq: value,
    ne: value,
    in: { type: 'array', items: value, minItems: 1, maxItems: inMax },
    isNull: { type: 'boolean' },
  }
  if (comparable.has(column.kind) && column.values === undefined)
    for (const operator of ['lt', 'lte', 'gt', 'gte']) operators[operator] = value
  if (column.kind === 'text' && column.values === undefined)
    operators['like'] = { type: 'string', description: 'Pattern with % and _' }
  return {
    description: columnNote(column, referenceNote(table, column)),
    anyOf: [
      nullable(value),
      { type: 'object', properties: operators, additionalProperties: false, minProperties: 1 },
    ],
  }
}

const filterable = (column: SqlColumn): boolean =>
  column.kind !== 'json' && column.kind !== 'array' && column.kind !== 'bytes'

export function findTool(table: SqlTable, context: TableContext): TableTool {
  const names = table.columns.map(({ name }) => name)
  const sortable = table.columns.filter(({ kind }) => comparable.has(kind)).map(({ name }) => name)
  const where = Object.fromEntries(
    table.columns.filter(filterable).map((column) => [column.name, filterSchema(table, column)]),
  )
  return tool('find', table, context, {
    title: `Find ${table.name}`,
    description: `Find rows of ${table.name} by column values. ${about(table, context)}`,
    inputSchema: {
      type: 'object',
      properties: {
        where: {
          type: 'object',
          description:
            'Conditions that all must hold: a value to equal, null, or operators such as {"gte": 10}',
          properties: where,
          additionalProperties: false,
        },
        orderBy: {
          type: 'array',
          maxItems: 8,
          items: {
            type: 'object',
            properties: {
              column:
                sortable.length === 0 ? { type: 'string' } : { type: 'string', enum: sortable },
              direction: { type: 'string', enum: ['asc', 'desc'] },
            },
            required: ['column'],
            additionalProperties: false,
          },
        },
        columns: {
          type: 'array',
          description: 'Columns to return; all when left out',
          items: { type: 'string', enum: names },
          minItems: 1,
          uniqueItems: true,
        },
        ...pageMembers(context.rowsMax),
      },
      additionalProperties: false,
    },
    outputSchema: rowsSchema(rowSchema(table)),
    annotations: { readOnlyHint: true, idempotentHint: true, openWorldHint: false },
  })
}

function rowSchema(table: SqlTable): JsonSchema {
  return {
    type: 'object',
    properties: Object.fromEntries(
      table.columns.map((column) => [column.name, resultSchema(column)]),
    ),
  }
}

function keySchema(table: SqlTable, key: readonly string[]): JsonSchema {
  const columns = table.columns.filter(({ name }) => key.includes(name))
  return {
    type: 'object',
    properties: Object.fromEntries(
      columns.map((column) => [
        column.name,
        { ...argumentSchema(column), description: columnNote(column, '') },
      ]),
    ),
    required: [...key],
    additionalProperties: false,
  }
}

export function getTool(table: SqlTable, context: TableContext): TableTool {
  return tool('get', table, context, {
    title: `Get ${table.name}`,
    description: `Get one row of ${table.name} by its primary key (${table.primaryKey.join(', ')}). ${about(table, context)}`,
    inputSchema: keySchema(table, table.primaryKey),
    outputSchema: {
      type: 'object',
      properties: { found: { type: 'boolean' }, row: rowSchema(table) },
      required: ['found'],
    },
    annotations: { readOnlyHint: true, idempotentHint: true, openWorldHint: false },
  })
}

function valueProperties(table: SqlTable): Record<string, JsonSchema> {
  return Object.fromEntries(
    table.columns
      .filter(({ generated }) => !generated)
      .map((column) => {
        const value = argumentSchema(column)
        const note = columnNote(column, referenceNote(table, column))
        return [column.name, { ...(column.nullable ? nullable(value) : value), description: note }]
      }),
  )
}

const written: JsonSchema = {
  type: 'object',
  properties: {
    affected: { type: 'integer' },
    row: { type: 'object', description: 'The row as it is now, where the database tells' },
  },
  required: ['affected'],
}

export function insertTool(table: SqlTable, context: TableContext): TableTool {
  const required = table.columns
    .filter((one) => !one.nullable && one.default === undefined && !one.generated)
    .map(({ name }) => name)
  return tool('insert', table, context, {
    title: `Insert into ${table.name}`,
    description: `Insert one row into ${table.name}. ${about(table, context)}`,
    inputSchema: {
      type: 'object',
      properties: valueProperties(table),
      required,
      additionalProperties: false,
    },
    outputSchema: written,
    annotations: {
      readOnlyHint: false,
      destructiveHint: false,
      idempotentHint: false,
      openWorldHint: false,
    },
  })
}

/** By the primary key or any other key: each names one row at most. */
function keyArgument(table: SqlTable): JsonSchema {
  const keys = targetOf(table).keys.map((key) => keySchema(table, key))
  const [only] = keys
  return keys.length === 1 && only !== undefined ? only : { anyOf: keys }
}

export function updateTool(table: SqlTable, context: TableContext): TableTool {
  return tool('update', table, context, {
    title: `Update ${table.name}`,
    description: `Change one row of ${table.name}, named by a whole key. ${about(table, context)}`,
    inputSchema: {
      type: 'object',
      properties: {
        key: keyArgument(table),
        set: {
          type: 'object',
          properties: valueProperties(table),
          additionalProperties: false,
          minProperties: 1,
        },
      },
      required: ['key', 'set'],
      additionalProperties: false,
    },
    outputSchema: written,
    annotations: {
      readOnlyHint: false,
      destructiveHint: true,
      idempotentHint: true,
      openWorldHint: false,
    },
  })
}

export function deleteTool(table: SqlTable, context: TableContext): TableTool {
  return tool('delete', table, context, {
    title: `Delete from ${table.name}`,
    description: `Delete one row of ${table.name}, named by a whole key. ${about(table, context)}`,
    inputSchema: {
      type: 'object',
      properties: { key: keyArgument(table) },
      required: ['key'],
      additionalProperties: false,
    },
    outputSchema: written,
    annotations: {
      readOnlyHint: false,
      destructiveHint: true,
      idempotentHint: true,
      openWorldHint: false,
    },
  })
}
