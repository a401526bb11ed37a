/**
 * A database's introspection to tools: what is there (`list_tables`, `describe_table`), free reading (`query`), typed
 * tools for the tables that the configuration names, and its named queries.
 */
import {
  type Conversion,
  ConversionFault,
  type ConversionReport,
  type Document,
  type ToolDefinition,
} from '../../../model/conversion.ts'
import {
  type SqlCatalog,
  type SqlCommon,
  type SqlPlan,
  type SqlSpec,
  type SqlTable,
  sqlCatalogSchema,
} from '../../../model/kinds/sql.ts'
import { select } from '../../selection.ts'
import { toolNames } from '../../tool-name.ts'
import { namedQueries } from './named-query.ts'
import {
  deleteTool,
  findTool,
  getTool,
  insertTool,
  type TableContext,
  type TableTool,
  updateTool,
} from './table-tools.ts'
import { engineName, fullName, pageMembers, rowsSchema } from './words.ts'

const tablesInDescriptionMax = 40
const parametersAbout = 'Values of the placeholders, in their order; objects arrive as JSON'
/** How bytes are given: answers have base64, and parameters of most engines have no type that would say so. */
const bytesAbout: Readonly<Record<SqlCatalog['engine'], string>> = {
  postgresql: 'bytea as base64',
  mysql: 'bytes as from_base64(?)',
  mariadb: 'bytes as from_base64(?)',
  sqlite: 'bytes as unhex(?), with hexadecimal text',
}
const placeholders: Readonly<Record<SqlCatalog['engine'], string>> = {
  postgresql: '$1, $2',
  mysql: '?',
  mariadb: '?',
  sqlite: '?',
}

/** An operation that became a tool, or a report of one that did not. */
interface Drafts {
  readonly tools: TableTool[]
  readonly skipped: ConversionReport[]
  readonly notes: ConversionReport[]
}

export async function convertSql(
  spec: SqlSpec,
  description: Document,
): Promise<Conversion<SqlPlan, SqlCommon>> {
  const catalog = readCatalog(description)
  const { location } = description
  const drafts: Drafts = { tools: [...generalTools(catalog, spec)], skipped: [], notes: [] }
  if (catalog.dangers.length === 0) drafts.tools.push(queryTool(catalog, spec))
  else
    drafts.skipped.push({
      operation: 'query',
      code: 'role_too_wide',
      reason: `the account cannot be held to reading: ${catalog.dangers.join('; ')}`,
      place: location,
    })
  for (const wanted of spec.tables) tableTools(catalog, spec, wanted, drafts)
  const named = namedQueries(catalog, spec)
  drafts.tools.push(...named.tools)
  drafts.skipped.push(...named.skipped)
  drafts.notes.push(...accountNotes(catalog, spec, location))
  return finished(catalog, spec, drafts, location)
}

function readCatalog({ text, location }: Document): SqlCatalog {
  const read = sqlCatalogSchema.safeParse(jsonOf(text))
  if (read.success) return read.data
  throw new ConversionFault('description_invalid', read.error.message.slice(0, 500), location)
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function finished(
  catalog: SqlCatalog,
  spec: SqlSpec,
  { tools, skipped, notes }: Drafts,
  place: string,
): Conversion<SqlPlan, SqlCommon> {
  const names = toolNames(
    tools.map(({ operation, wish }) => ({ operation, wishes: [wish, operation] })),
  )
  const selected = select(
    tools.map((draft) => ({
      ...draft,
      name: names.get(draft.operation) ?? draft.operation,
      place,
    })),
    spec.operations,
  )
  const { engine, version, database, defaultSchema, omitted, tables } = catalog
  return {
    title: `${database} (${engineName(engine)})`,
    version,
    description: `${engineName(engine)} ${version} database ${database} with ${tables.length} tables and views. Look with list_tables and describe_table before writing a query.`,
    operations: tools.length + skipped.length,
    tools: selected.kept.map(({ operation, name, definition, plan }) => ({
      operation,
      definition: { name, ...definition },
      plan,
    })),
    skipped: [...skipped, ...selected.skipped],
    notes: [...notes, ...selected.notes],
    common: { catalog: { engine, version, database, defaultSchema, omitted, tables } },
  }
}

function generalTools(catalog: SqlCatalog, { rowsMax }: SqlSpec): TableTool[] {
  const where = `${engineName(catalog.engine)} database ${catalog.database}`
  const annotations = { readOnlyHint: true, idempotentHint: true, openWorldHint: false } as const
  return [
    {
      operation: 'list tables',
      wish: 'list_tables',
      plan: { kind: 'list' },
      definition: {
        title: 'List tables',
        description: `List the tables and views of the ${where}: schema, name, comment, rough number of rows.`,
        inputSchema: {
          type: 'object',
          properties: {
            schema: { type: 'string', description: 'Only of this schema' },
            search: { type: 'string', description: 'Only whose name or comment has this text' },
            limit: { type: 'integer', minimum: 1, maximum: rowsMax },
            offset: { type: 'integer', minimum: 0 },
          },
          additionalProperties: false,
        },
        outputSchema: {
          type: 'object',
          properties: {
            tables: { type: 'array', items: { type: 'object' } },
            total: { type: 'integer' },
            nextOffset: { type: 'integer' },
          },
          required: ['tables', 'total'],
        },
        annotations,
      },
    },
    {
      operation: 'describe table',
      wish: 'describe_table',
      plan: { kind: 'describe' },
      definition: {
        title: 'Describe a table',
        description: `Columns, types, keys, foreign keys, enums, checks and comments of one table or view of the ${where}. Read it before writing a query.`,
        inputSchema: {
          type: 'object',
          properties: { table: { type: 'string', description: 'table, or schema.table' } },
          required: ['table'],
          additionalProperties: false,
        },
        outputSchema: { type: 'object' },
        annotations,
      },
    },
  ]
}

function queryTool(catalog: SqlCatalog, { rowsMax, timeoutMs }: SqlSpec): TableTool {
  const { engine, version, database, tables, defaultSchema } = catalog
  const listed = tables.slice(0, tablesInDescriptionMax).map(fullName)
  const more =
    tables.length > listed.length ? ` and ${tables.length - listed.length} more (list_tables)` : ''
  const definition: Omit<ToolDefinition, 'name'> = {
    title: 'Run a query',
    description: [
      `Run one reading SQL statement in the ${engineName(engine)} ${version} database ${database}.`,
      `Values go into parameters, with ${placeholders[engine]} in the statement. Only reading is possible; nothing can be changed.`,
      `Default schema: ${defaultSchema === '' ? 'none' : defaultSchema}. Tables: ${listed.join(', ')}${more}.`,
      `At most ${rowsMax} rows come at once and a statement runs at most ${timeoutMs} ms; sort, so that pages do not overlap.`,
    ].join(' '),
    inputSchema: {
      type: 'object',
      properties: {
        sql: {
          type: 'string',
          minLength: 1,
          maxLength: 100_000,
          description: 'One SELECT, WITH, VALUES, SHOW or EXPLAIN',
        },
        parameters: {
          type: 'array',
          maxItems: 200,
          description: `${parametersAbout}; ${bytesAbout[engine]}`,
          items: {},
        },
        ...pageMembers(rowsMax),
      },
      required: ['sql'],
      additionalProperties: false,
    },
    outputSchema: rowsSchema({ type: 'object' }),
    annotations: { readOnlyHint: true, idempotentHint: true, openWorldHint: false },
  }
  return { operation: 'query', wish: 'query', plan: { kind: 'query' }, definition }
}

function tableNamed(catalog: SqlCatalog, wanted: string): SqlTable | undefined {
  const byName = catalog.tables.filter((table) => `${table.schema}.${table.name}` === wanted)
  const plain = catalog.tables.filter((table) => table.name === wanted)
  return byName[0] ?? plain.find((table) => table.schema === catalog.defaultSchema) ?? plain[0]
}

function tableTools(catalog: SqlCatalog, spec: SqlSpec, wanted: string, drafts: Drafts): void {
  const table = tableNamed(catalog, wanted)
  if (table === undefined) {
    drafts.skipped.push({
      operation: `table ${wanted}`,
      code: 'reference_unresolved',
      reason: 'there is no such table, or the account may not read it, or it is not shown',
      place: 'tables',
    })
    return
  }
  const known = `find ${table.schema}.${table.name}`
  if (drafts.tools.some(({ operation }) => operation === known)) {
    drafts.notes.push({
      operation: `table ${wanted}`,
      code: 'duplicate',
      reason: 'it is named twice',
      place: 'tables',
    })
    return
  }
  const context: TableContext = {
    engine: catalog.engine,
    defaultSchema: catalog.defaultSchema,
    rowsMax: spec.rowsMax,
  }
  const lacks = (verb: string, reason: string): void => {
    drafts.skipped.push({
      operation: `${verb} ${table.schema}.${table.name}`,
      code: 'feature_unsupported',
      reason,
      place: `${table.schema}.${table.name}`,
    })
  }
  drafts.tools.push(findTool(table, context))
  if (table.primaryKey.length > 0) drafts.tools.push(getTool(table, context))
  else lacks('get', 'it has no primary key by which one row could be named')
  if (spec.access !== 'write') return
  if (table.kind === 'view') {
    for (const verb of ['insert', 'update', 'delete']) lacks(verb, 'it is a view')
    return
  }
  drafts.tools.push(insertTool(table, context))
  if (table.primaryKey.length + table.uniqueKeys.length > 0)
    drafts.tools.push(updateTool(table, context), deleteTool(table, context))
  else
    for (const verb of ['update', 'delete'])
      lacks(verb, 'it has no key by which one row could be named')
}

function accountNotes(catalog: SqlCatalog, { access }: SqlSpec, place: string): ConversionReport[] {
  const note = (code: ConversionReport['code'], reason: string): ConversionReport => ({
    operation: `account ${catalog.account}`,
    code,
    reason,
    place,
  })
  const writes =
    access === 'write' || catalog.writes.length === 0
      ? []
      : [
          note(
            'role_too_wide',
            `access is read, but the account may write: ${catalog.writes.join('; ')}. Nothing of it can be used here; a proper account: ${catalog.remedy}`,
          ),
        ]
  const omitted =
    catalog.omitted === 0
      ? []
      : [
          note(
            'description_too_large',
            `${catalog.omitted} further tables are left out; narrow it with schemas, include or exclude`,
          ),
        ]
  return [...writes, ...omitted, ...catalog.advice.map((reason) => note('role_too_wide', reason))]
}
