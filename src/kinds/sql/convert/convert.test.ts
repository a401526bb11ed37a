import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { costOf } from '../../../../test/cost.ts'
import {
  type SqlCatalog,
  type SqlColumn,
  sqlSpec,
  sqlValueKinds,
} from '../../../model/kinds/sql.ts'
import { convertSql } from './convert.ts'
import { placed } from './named-query.ts'

const column = (name: string, more: Partial<SqlColumn> = {}): SqlColumn => ({
  name,
  type: 'text',
  kind: 'text',
  nullable: true,
  generated: false,
  ...more,
})

function catalog(more: Partial<SqlCatalog> = {}): SqlCatalog {
  return {
    engine: 'postgresql',
    version: '15.1',
    database: 'crm',
    defaultSchema: 'public',
    account: 'agent',
    tables: [
      {
        schema: 'public',
        name: 'orders',
        kind: 'table',
        columns: sqlValueKinds.map((kind) =>
          column(`a ${kind}`, { kind, nullable: kind !== 'uuid' }),
        ),
        primaryKey: ['a uuid'],
        uniqueKeys: [['a text', 'a date']],
        foreignKeys: [],
        checks: [],
      },
      {
        schema: 'sales',
        name: 'orders',
        kind: 'table',
        columns: [column('x')],
        primaryKey: [],
        uniqueKeys: [],
        foreignKeys: [],
        checks: [],
      },
      {
        schema: 'public',
        name: 'seen',
        kind: 'view',
        columns: [column('x')],
        primaryKey: [],
        uniqueKeys: [],
        foreignKeys: [],
        checks: [],
      },
    ],
    omitted: 0,
    dangers: [],
    writes: [],
    advice: [],
    remedy: 'CREATE ROLE ...;',
    ...more,
  }
}

const convert = (spec: object, of = catalog()) =>
  convertSql(sqlSpec.parse({ url: 'postgres://x/y', ...spec }), {
    location: 'postgresql:crm',
    text: JSON.stringify(of),
    mediaType: undefined,
  })

describe('a database becomes tools', () => {
  test('with names that say where a table is, schemas that compile, and an account of every operation', async () => {
    const made = await convert({
      access: 'write',
      tables: ['orders', 'sales.orders', 'seen', 'nothing'],
    })
    expect(made.tools.map(({ definition }) => definition.name)).toEqual([
      'list_tables',
      'describe_table',
      'query',
      'find_orders',
      'get_orders',
      'insert_orders',
      'update_orders',
      'delete_orders',
      'find_sales_orders',
      'insert_sales_orders',
      'find_seen',
    ])
    expect(made.operations).toBe(made.tools.length + made.skipped.length)
    expect(made.skipped.map(({ operation, code }) => `${operation} ${code}`)).toEqual([
      'get sales.orders feature_unsupported',
      'update sales.orders feature_unsupported',
      'delete sales.orders feature_unsupported',
      'get public.seen feature_unsupported',
      'insert public.seen feature_unsupported',
      'update public.seen feature_unsupported',
      'delete public.seen feature_unsupported',
      'table nothing reference_unresolved',
    ])
    const ajv = new Ajv2020({ strict: false, validateFormats: false })
    for (const { definition } of made.tools) {
      ajv.compile(definition.inputSchema)
      ajv.compile(definition.outputSchema ?? {})
      expect(definition.description).toMatch(/PostgreSQL/)
    }
    const remove = made.tools.find(
      ({ definition }) => definition.name === 'delete_orders',
    )?.definition
    expect(remove?.annotations).toMatchObject({ destructiveHint: true, readOnlyHint: false })
    const valid = ajv.compile(remove?.inputSchema ?? {})
    expect(valid({ key: { 'a uuid': 'u' } })).toBe(true)
    expect(valid({ key: { 'a text': 't', 'a date': '2026-01-01' } })).toBe(true)
    for (const key of [{}, { 'a text': 't' }, { 'a uuid': null }, { 'a json': 1 }])
      expect(valid({ key })).toBe(false)
    expect(structuredClone(made)).toEqual(made)
  })

  test('an account that cannot be held to reading gets no free query', async () => {
    const made = await convert(
      {
        access: 'write',
        tables: ['orders'],
        queries: { q: { description: 'd', sql: 'select 1' } },
      },
      catalog({ dangers: ['it is a superuser'] }),
    )
    expect(made.tools.map(({ definition }) => definition.name)).not.toContain('query')
    expect(made.skipped.map(({ operation, code }) => `${operation} ${code}`)).toEqual([
      'query role_too_wide',
      'query q role_too_wide',
    ])
  })

  test('write grants, advice and what is left out are notes', async () => {
    const made = await convert(
      {},
      catalog({ writes: ['INSERT on public.orders'], advice: ['take this away'], omitted: 7 }),
    )
    expect(made.notes.map(({ code, reason }) => `${code}: ${reason}`)).toEqual([
      expect.stringContaining('INSERT on public.orders'),
      expect.stringContaining('7 further tables'),
      'role_too_wide: take this away',
    ])
  })

  test('named queries that cannot be right are reported', async () => {
    const query = (more: object): object => ({
      description: 'd',
      sql: 'select :a',
      parameters: { a: {} },
      ...more,
    })
    const made = await convert({
      queries: {
        good: query({}),
        writes: query({ readOnly: false }),
        unused: query({ sql: 'select 1' }),
        taken: query({ sql: 'select :limit', parameters: { limit: {} } }),
      },
      operations: { rename: { good: 'best' } },
    })
    expect(made.tools.map(({ definition }) => definition.name)).toContain('best')
    expect(made.skipped.map(({ operation, code }) => `${operation} ${code}`)).toEqual([
      'query writes feature_unsupported',
      'query unused reference_unresolved',
      'query taken schema_unusable',
    ])
  })

  test('an introspection that is none is refused', async () => {
    await expect(
      convertSql(sqlSpec.parse({ url: 'x' }), { location: 'l', text: '{', mediaType: undefined }),
    ).rejects.toMatchObject({ code: 'description_invalid' })
  })
})

describe('parameters of named queries', () => {
  test.each([
    ['select :a, :b, :a', 'select $1, $2, $1', ['a', 'b']],
    [
      'select \':a\', ":a", a::b -- :a\n, :b /* :a */',
      'select \':a\', ":a", a::b -- :a\n, $1 /* :a */',
      ['b'],
    ],
    ['select $x$ :a $x$, :a::int, :other', 'select $x$ :a $x$, $1::int, :other', ['a']],
    ["select 'it''s :a', E'\\' :a', :a", "select 'it''s :a', E'\\' :a', $1", ['a']],
  ])('%s', (sql, wanted, order) => {
    expect(placed(sql, ['a', 'b'], 'postgresql')).toEqual({ sql: wanted, order })
  })

  test('stand again for each place where there are no numbers', () => {
    expect(placed('select :a, :b, :a', ['a', 'b'], 'mariadb')).toEqual({
      sql: 'select ?, ?, ?',
      order: ['a', 'b', 'a'],
    })
  })

  test('are found in good time, whatever is in the text', async () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.constantFrom(
            "'",
            '"',
            '`',
            '--',
            '/*',
            '*/',
            '$$',
            '$a$',
            ':a',
            '::',
            '\\',
            ' ',
            '\n',
          ),
        ),
        (parts) => {
          placed(parts.join(''), ['a'], 'postgresql')
        },
      ),
    )
    const cost = await costOf(() => {
      for (const part of ["'", '/*', '$a$', '"', '`', "'\\"])
        placed(part.repeat(5_000), ['a'], 'postgresql')
    })
    expect(cost).toBeLessThan(1_200)
  })
})
