/**
 * One statement by the extended query protocol (PostgreSQL 55.2.3). The server parses it, and refuses more than one;
 * it says whether rows come before anything runs; rows are asked for in small portions, so that an endless result
 * costs neither side anything.
 */
import type { Connection, FieldDef, Submittable } from 'pg'
import type { SqlValue } from './engine.ts'
import { noRowsFault, parametersFault, type StatementFault } from './fault.ts'
import {
  type FurtherTypes,
  isKnown,
  parameterText,
  typeName,
  valueJson,
} from './postgres-values.ts'
import type { RowSink } from './row-sink.ts'

export interface BoundStatement {
  readonly sql: string
  readonly values: readonly SqlValue[]
  /** Why a statement that yields no rows is not run; undefined: it is. */
  readonly withoutRows: (() => StatementFault) | undefined
  readonly sink: RowSink
  readonly further: FurtherTypes
}

const portionRowsMax = 200

/** Types that are not built in are looked up, and the statement is sent again. */
export class UnknownTypes extends Error {
  readonly oids: readonly number[]
  constructor(oids: readonly number[]) {
    super('unknown types')
    this.oids = oids
  }
}

export class PostgresStatement implements Submittable {
  readonly result: Promise<number | undefined>
  private readonly statement: BoundStatement
  private readonly settle: (outcome: { affected: number | undefined } | { fault: unknown }) => void
  private parameters: readonly number[] = []
  private types: readonly number[] = []
  private outcome: { affected: number | undefined } | { fault: unknown } = { affected: undefined }
  private synced = false
  private forget: () => void = () => undefined
  private connection: Connection | undefined

  constructor(statement: BoundStatement) {
    this.statement = statement
    const { promise, resolve, reject } = Promise.withResolvers<number | undefined>()
    this.result = promise
    this.settle = (outcome) => {
      this.forget()
      if ('fault' in outcome) reject(outcome.fault)
      else resolve(outcome.affected)
    }
  }

  submit(connection: Connection): void {
    this.connection = connection
    const described = (message: { dataTypeIDs?: unknown }): void => {
      this.parameters = Array.isArray(message.dataTypeIDs) ? message.dataTypeIDs.map(Number) : []
    }
    const noData = (): void => {
      const { withoutRows } = this.statement
      if (withoutRows === undefined) this.run(connection)
      else this.stop(connection, withoutRows())
    }
    const copyOut = (): void => {
      this.outcome = { fault: noRowsFault() }
    }
    connection.on('parameterDescription', described)
    connection.on('noData', noData)
    connection.on('copyOutResponse', copyOut)
    this.forget = () => {
      connection.off('parameterDescription', described)
      connection.off('noData', noData)
      connection.off('copyOutResponse', copyOut)
    }
    connection.parse({ name: '', text: this.statement.sql, types: [] }, true)
    connection.describe({ type: 'S', name: '' }, true)
    connection.flush()
  }

  handleRowDescription({ fields }: { fields: readonly FieldDef[] }): void {
    const { connection } = this
    if (connection === undefined) return
    const { sink, further } = this.statement
    this.types = fields.map(({ dataTypeID }) => dataTypeID)
    const unknown = [...this.types, ...this.parameters].filter((oid) => !isKnown(oid, further))
    if (unknown.length > 0) {
      this.stop(connection, new UnknownTypes([...new Set(unknown)]))
      return
    }
    sink.columns(
      fields.map(({ name, dataTypeID }) => ({ name, type: typeName(dataTypeID, further) })),
    )
    this.run(connection)
  }

  private run(connection: Connection): void {
    const { values, further } = this.statement
    if (values.length !== this.parameters.length) {
      this.stop(connection, parametersFault(this.parameters.length, values.length))
      return
    }
    let texts: (string | null)[]
    try {
      texts = values.map((value, index) =>
        parameterText(value, this.parameters[index] ?? 0, further),
      )
    } catch (fault) {
      this.stop(connection, fault)
      return
    }
    connection.bind(
      {
        portal: '',
        statement: '',
        values: texts,
        valueMapper: (value) => value,
      },
      true,
    )
    this.portion(connection)
  }

  private portion(connection: Connection): void {
    const rows = Math.max(1, Math.min(portionRowsMax, this.statement.sink.wanted))
    connection.execute({ portal: '', rows: String(rows) }, true)
    connection.flush()
  }

  /** Nothing further is wanted of the statement; the outcome stands when the server is ready again. */
  private stop(connection: Connection, fault?: unknown): void {
    if (fault !== undefined) this.outcome = { fault }
    if (this.synced) return
    this.synced = true
    connection.sync()
  }

  handleDataRow({ fields }: { fields: readonly (string | null)[] }): void {
    if ('fault' in this.outcome) return
    const { sink, further } = this.statement
    try {
      sink.add(() =>
        fields.map((text, index) =>
          text === null ? 'null' : valueJson(this.types[index] ?? 25, text, further),
        ),
      )
    } catch (fault) {
      this.outcome = { fault }
    }
  }

  handlePortalSuspended(connection: Connection): void {
    if (this.statement.sink.isFull || 'fault' in this.outcome) this.stop(connection)
    else this.portion(connection)
  }

  handleCommandComplete({ text }: { text: string }, connection: Connection): void {
    const affected = /^(?:INSERT \d+|UPDATE|DELETE|MERGE) (\d+)$/.exec(text)?.[1]
    if (!('fault' in this.outcome))
      this.outcome = { affected: affected === undefined ? undefined : Number(affected) }
    this.stop(connection)
  }

  handleEmptyQuery(connection: Connection): void {
    this.stop(connection, noRowsFault())
  }

  handleCopyInResponse(connection: Connection & { sendCopyFail?: (reason: string) => void }): void {
    connection.sendCopyFail?.('COPY is not taken here')
  }

  handleCopyData(): void {
    // Dropped: the statement ends with a fault.
  }

  handleError(fault: unknown, connection: Connection): void {
    // The server skips everything up to a Sync after an error.
    if (!this.synced) {
      this.synced = true
      connection.sync()
    }
    this.settle({ fault })
  }

  handleReadyForQuery(): void {
    this.settle(this.outcome)
  }
}
