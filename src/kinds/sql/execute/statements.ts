/** SQL of the typed tools. Names come from the introspection and are quoted; every value is a parameter. */

import { fitsDouble } from '../../../kit/exact-numbers.ts'
import type { SqlEngine, SqlTarget, SqlValueKind } from '../../../model/kinds/sql.ts'
import {
  bytesOf,
  digitsFault,
  isInt64,
  isObject,
  isRaw,
  isUint64,
  type JsonObject,
  type JsonValue,
  wholeNumber,
} from './arguments.ts'
import type { SqlValue } from './engine.ts'
import { StatementFault } from './fault.ts'

export interface Built {
  readonly sql: string
  readonly values: readonly SqlValue[]
}

export interface Page {
  readonly limit: number
  readonly offset: number
}

/** A name as the engine quotes it: nothing in it is syntax. */
export function quoteName(engine: SqlEngine, name: string): string {
  // No engine has names with this character; cut there by one, the rest would be read as SQL by nobody.
  if (name.includes('\0')) throw new StatementFault('name', 'A name has a NUL character.')
  return engine === 'mysql' || engine === 'mariadb'
    ? `\`${name.replaceAll('`', '``')}\``
    : `"${name.replaceAll('"', '""')}"`
}

/** Builds one statement: the text grows beside the values of its placeholders. */
class Builder {
  readonly values: SqlValue[] = []
  readonly engine: SqlEngine
  private readonly kinds: ReadonlyMap<string, SqlValueKind>

  constructor(engine: SqlEngine, target: SqlTarget) {
    this.engine = engine
    this.kinds = new Map(target.columns.map(({ name, kind }) => [name, kind]))
  }

  name(name: string): string {
    return quoteName(this.engine, name)
  }

  column(name: string): string {
    if (!this.kinds.has(name)) throw new StatementFault('column', `There is no column ${name}.`)
    return this.name(name)
  }

  table({ schema, name }: SqlTarget): string {
    return schema === '' ? this.name(name) : `${this.name(schema)}.${this.name(name)}`
  }

  value(column: string, value: JsonValue): string {
    this.values.push(columnValue(this.engine, this.kinds.get(column) ?? 'other', value))
    return this.engine === 'postgresql' ? `$${this.values.length}` : '?'
  }

  built(sql: string): Built {
    return { sql, values: this.values }
  }
}

const number = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
const numberKinds: ReadonlySet<SqlValueKind> = new Set(['integer', 'bigint', 'numeric', 'float'])

/** A JSON value as the column takes it. @throws StatementFault for a number whose digits it would change */
function columnValue(engine: SqlEngine, kind: SqlValueKind, value: JsonValue): SqlValue {
  if (value === null) return null
  if (kind === 'json') return jsonText(engine, value)
  if (kind === 'bytes' && typeof value === 'string') return bytesOf(value)
  if (numberKinds.has(kind)) {
    // Large numbers are given as strings; compared as a string, MySQL would take both sides for doubles.
    const given = typeof value === 'string' && number.test(value) ? JSON.rawJSON(value) : value
    if (typeof given !== 'number' && !isRaw(given)) return value
    const whole = wholeNumber(given)
    if (kind === 'float' && !fitsDouble(whole.text)) throw digitsFault('The column', whole.text)
    return given
  }
  if (typeof value === 'string' && /^timestamp/.test(kind) && /^(mysql|mariadb)$/.test(engine))
    return mysqlTimestamp(value)
  return value
}

/**
 * MySQL keeps numbers in JSON as 64-bit integers and doubles. SQLite keeps JSON as text, but a column that is declared
 * so takes what looks like a number for one (SQLite "Datatypes", 3).
 */
function jsonText(engine: SqlEngine, value: JsonValue): string {
  const check = (one: unknown): void => {
    if (typeof one !== 'number' && !isRaw(one)) return
    const whole = wholeNumber(one)
    const fits =
      whole.kind === 'double' ||
      (whole.kind === 'integer' &&
        (isInt64(whole.value) || (engine === 'mysql' && isUint64(whole.value))))
    if (!fits) throw digitsFault('JSON of this database', whole.text)
  }
  if (engine === 'sqlite') check(value)
  if (engine !== 'mysql') return JSON.stringify(value)
  return JSON.stringify(value, (_, one: unknown) => {
    check(one)
    return one
  })
}

/** MySQL's literals have neither T nor Z; the session's zone is UTC. */
function mysqlTimestamp(text: string): string {
  const match =
    /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+-]\d\d:?\d\d)?$/i.exec(text)
  if (match === null) return text
  const [, date = '', time = '', zone] = match
  if (zone === undefined || zone.toUpperCase() === 'Z') return `${date} ${time}`
  const moment = new Date(text.replace(' ', 'T'))
  return Number.isNaN(moment.getTime())
    ? text
    : moment.toISOString().replace('T', ' ').replace('Z', '')
}

const operators: Readonly<Record<string, string>> = {
  eq: '=',
  ne: '<>',
  lt: '<',
  lte: '<=',
  gt: '>',
  gte: '>=',
  like: 'like',
}

function condition(build: Builder, column: string, wanted: JsonValue): string[] {
  const name = build.column(column)
  if (wanted === null) return [`${name} is null`]
  if (!isObject(wanted)) return [`${name} = ${build.value(column, wanted)}`]
  return Object.entries(wanted).map(([operator, value]) => {
    if (operator === 'isNull') return value === true ? `${name} is null` : `${name} is not null`
    if (operator === 'in' && Array.isArray(value))
      return `${name} in (${value.map((one: JsonValue) => build.value(column, one)).join(', ')})`
    if (value === null && operator === 'eq') return `${name} is null`
    if (value === null && operator === 'ne') return `${name} is not null`
    const sign = operators[operator]
    if (sign === undefined)
      throw new StatementFault('operator', `There is no operator ${operator}.`)
    return `${name} ${sign} ${build.value(column, value)}`
  })
}

function where(conditions: readonly string[]): string {
  return conditions.length === 0 ? '' : ` where ${conditions.join(' and ')}`
}

function columnsOf(build: Builder, names: readonly string[]): string {
  return names.map((name) => build.column(name)).join(', ')
}

const texts = (value: JsonValue | undefined): string[] =>
  Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []

/** Sorted by what was asked and then by the key, so that pages follow on each other. */
function order(build: Builder, target: SqlTarget, wanted: JsonValue | undefined): string {
  const asked = (Array.isArray(wanted) ? wanted : []).filter(isObject).map((one: JsonObject) => ({
    column: String(one['column']),
    down: one['direction'] === 'desc',
  }))
  const rest = target.key.filter((name) => !asked.some(({ column }) => column === name))
  const all = [...asked, ...rest.map((column) => ({ column, down: false }))]
  return all.length === 0
    ? ''
    : ` order by ${all.map(({ column, down }) => `${build.column(column)}${down ? ' desc' : ''}`).join(', ')}`
}

/** One row more than fits, to know whether there are more. */
export function findStatement(
  engine: SqlEngine,
  target: SqlTarget,
  args: JsonObject,
  page: Page,
): Built {
  const build = new Builder(engine, target)
  const wanted = texts(args['columns'])
  const names = wanted.length > 0 ? wanted : target.columns.map(({ name }) => name)
  const filters = isObject(args['where']) ? Object.entries(args['where']) : []
  const select = `select ${columnsOf(build, names)} from ${build.table(target)}`
  const conditions = filters.flatMap(([column, value]) => condition(build, column, value))
  return build.built(
    `${select}${where(conditions)}${order(build, target, args['orderBy'])} limit ${page.limit + 1} offset ${page.offset}`,
  )
}

/** Columns of a whole key, with a value each. @throws StatementFault when they are no key of the table */
function keyConditions(build: Builder, target: SqlTarget, key: JsonObject): string[] {
  const names = Object.keys(key)
  const whole = target.keys.some(
    (columns) =>
      columns.length === names.length && columns.every((column) => Object.hasOwn(key, column)),
  )
  if (!whole)
    throw new StatementFault(
      'key',
      `A whole key is needed: ${target.keys.map((columns) => columns.join(' + ')).join(', or ')}.`,
    )
  return Object.entries(key).map(([column, value]) => {
    if (value === null) throw new StatementFault('key', `The key column ${column} cannot be null.`)
    return `${build.column(column)} = ${build.value(column, value)}`
  })
}

export function getStatement(engine: SqlEngine, target: SqlTarget, args: JsonObject): Built {
  const build = new Builder(engine, target)
  const names = columnsOf(
    build,
    target.columns.map(({ name }) => name),
  )
  const conditions = keyConditions(build, { ...target, keys: [target.key] }, args)
  return build.built(`select ${names} from ${build.table(target)}${where(conditions)}`)
}

/** What a write tells of the row, in engines that do. */
function returning(build: Builder, target: SqlTarget, verb: 'insert' | 'update'): string {
  const { engine } = build
  if (engine === 'mysql' || (engine === 'mariadb' && verb === 'update')) return ''
  return ` returning ${columnsOf(
    build,
    target.columns.map(({ name }) => name),
  )}`
}

export function insertStatement(engine: SqlEngine, target: SqlTarget, args: JsonObject): Built {
  const build = new Builder(engine, target)
  const entries = Object.entries(args)
  const back = returning(build, target, 'insert')
  if (entries.length === 0) {
    const nothing = engine === 'mysql' || engine === 'mariadb' ? '() values ()' : 'default values'
    return build.built(`insert into ${build.table(target)} ${nothing}${back}`)
  }
  const names = entries.map(([column]) => build.column(column)).join(', ')
  const values = entries.map(([column, value]) => build.value(column, value)).join(', ')
  return build.built(`insert into ${build.table(target)} (${names}) values (${values})${back}`)
}

export function updateStatement(engine: SqlEngine, target: SqlTarget, args: JsonObject): Built {
  const build = new Builder(engine, target)
  const set = isObject(args['set']) ? Object.entries(args['set']) : []
  const changes = set.map(
    ([column, value]) => `${build.column(column)} = ${build.value(column, value)}`,
  )
  const conditions = keyConditions(build, target, isObject(args['key']) ? args['key'] : {})
  return build.built(
    `update ${build.table(target)} set ${changes.join(', ')}${where(conditions)}${returning(build, target, 'update')}`,
  )
}

export function deleteStatement(engine: SqlEngine, target: SqlTarget, args: JsonObject): Built {
  const build = new Builder(engine, target)
  const conditions = keyConditions(build, target, isObject(args['key']) ? args['key'] : {})
  return build.built(`delete from ${build.table(target)}${where(conditions)}`)
}
