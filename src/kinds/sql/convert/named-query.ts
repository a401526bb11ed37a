/** Queries that the operator wrote, as tools of their own. */
import type { ConversionReport, JsonSchema } from '../../../model/conversion.ts'
import type { SqlCatalog, SqlSpec } from '../../../model/kinds/sql.ts'
import type { TableTool } from './table-tools.ts'
import { engineName, pageMembers, rowsSchema } from './words.ts'

const pagingNames = new Set(['limit', 'cursor'])

export function namedQueries(
  catalog: SqlCatalog,
  spec: SqlSpec,
): { readonly tools: TableTool[]; readonly skipped: ConversionReport[] } {
  const tools: TableTool[] = []
  const skipped: ConversionReport[] = []
  for (const [name, query] of Object.entries(spec.queries)) {
    const operation = `query ${name}`
    const place = `queries.${name}`
    const refuse = (code: ConversionReport['code'], reason: string): void => {
      skipped.push({ operation, code, reason, place })
    }
    const { sql, order } = placed(query.sql, Object.keys(query.parameters), catalog.engine)
    const unused = Object.keys(query.parameters).filter((parameter) => !order.includes(parameter))
    const taken = Object.keys(query.parameters).find((parameter) => pagingNames.has(parameter))
    const rounded = Object.entries(query.parameters).find(
      ([, { default: standard }]) => Number.isInteger(standard) && !Number.isSafeInteger(standard),
    )?.[0]
    if (!query.readOnly && spec.access !== 'write')
      refuse('feature_unsupported', 'it writes, which needs access: write')
    else if (catalog.dangers.length > 0 && query.readOnly)
      refuse(
        'role_too_wide',
        `the account cannot be held to reading: ${catalog.dangers.join('; ')}`,
      )
    else if (rounded !== undefined)
      refuse(
        'schema_unusable',
        `the default of ${rounded} has more digits than a number can keep; write it as a string`,
      )
    else if (taken !== undefined)
      refuse('schema_unusable', `a parameter cannot be called ${taken}; pages use it`)
    else if (unused.length > 0)
      refuse(
        'reference_unresolved',
        `the statement has no ${unused.map((one) => `:${one}`).join(', ')}`,
      )
    else
      tools.push({
        operation,
        wish: name,
        plan: {
          kind: 'named',
          name,
          sql,
          order,
          defaults: defaultsOf(query.parameters),
          readOnly: query.readOnly,
        },
        definition: {
          ...(query.title === undefined ? {} : { title: query.title }),
          description: `${query.description} (${engineName(catalog.engine)} database ${catalog.database})`,
          inputSchema: {
            type: 'object',
            properties: {
              ...query.parameters,
              ...(query.readOnly ? pageMembers(spec.rowsMax) : {}),
            },
            required: Object.entries(query.parameters)
              .filter(([, schema]) => schema['default'] === undefined)
              .map(([parameter]) => parameter),
            additionalProperties: false,
          },
          outputSchema: query.readOnly
            ? rowsSchema({ type: 'object' })
            : { ...rowsSchema({ type: 'object' }), required: [] },
          annotations: {
            readOnlyHint: query.readOnly,
            ...(query.readOnly ? { idempotentHint: true } : { destructiveHint: true }),
            openWorldHint: false,
          },
        },
      })
  }
  return { tools, skipped }
}

function defaultsOf(parameters: Readonly<Record<string, JsonSchema>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(parameters)
      .filter(([, schema]) => schema['default'] !== undefined)
      .map(([name, schema]) => [name, schema['default']]),
  )
}

/** Strings, quoted names, comments and casts, in which nothing is a parameter; or a parameter. */
const part =
  /'(?:[^'\\]|\\[\s\S]|'')*'|"(?:[^"]|"")*"|`[^`]*`|--[^\n]*|\/\*[\s\S]*?\*\/|\$([A-Za-z_]\w*)?\$[\s\S]*?\$\1\$|::|:([a-z][a-z0-9_]*)/g

/**
 * The operator's `:name`, as the engine writes parameters: `$1` where a number can be used again, `?` elsewhere.
 * Only declared names are replaced, so that whatever else has a colon stays.
 */
export function placed(
  sql: string,
  names: readonly string[],
  engine: SqlCatalog['engine'],
): { readonly sql: string; readonly order: readonly string[] } {
  const order: string[] = []
  const text = sql.replace(
    part,
    (whole: string, _tag: string | undefined, name: string | undefined) => {
      if (name === undefined || !names.includes(name)) return whole
      if (engine !== 'postgresql') {
        order.push(name)
        return '?'
      }
      if (!order.includes(name)) order.push(name)
      return `$${order.indexOf(name) + 1}`
    },
  )
  return { sql: text, order }
}
