/** The journal, read and proved. */
import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import type { z } from 'zod'
import { readAudit, verifyAudit } from '../contract/audit.ts'
import { checkInput, givenBy, handle, urlOf } from '../handle.ts'
import { createJournalFilter } from '../journal-filter.ts'
import type { AdminPorts, AuditPort, JournalLine } from '../ports.ts'

type AuditQuery = z.output<typeof readAudit.input>

/** A timer waits no longer. */
const timerMsMax = 2 ** 31 - 1

export function auditRoutes(app: FastifyInstance, ports: AdminPorts): void {
  handle(app, verifyAudit, async () => {
    const { ok, writers, faults } = await ports.audit.verify()
    return { ok, writers: [...writers], faults: [...faults] }
  })
  app.get(urlOf(readAudit), async (request, reply) => {
    const query = checkInput(readAudit.input, givenBy(request))
    const gone = new AbortController()
    reply.raw.once('close', () => gone.abort())
    const signal = followSignal(query, ports.now(), gone.signal)
    const lines = Readable.from(textOf(journalLines(ports.audit, query, signal)))
    return reply.type('application/x-ndjson').send(lines)
  })
}

async function* textOf(lines: AsyncIterable<JournalLine>): AsyncGenerator<string> {
  for await (const line of lines) yield `${JSON.stringify(line)}\n`
}

/** With `last`, the newest so many by time come first, and then, when following, what is new. */
async function* journalLines(
  audit: AuditPort,
  query: AuditQuery,
  signal: AbortSignal | undefined,
): AsyncGenerator<JournalLine> {
  const { last, follow: _, kind, status, ...others } = query
  const filter = createJournalFilter({
    ...others,
    kind: kind?.split(','),
    status: status?.split(','),
  })
  if (last === undefined) {
    for await (const line of audit.read(() => 0, signal)) yield* filter.take(line)
    return
  }
  const heads = await audit.heads()
  // A filter may drop any of the newest, so that all must be read then.
  const from = (writer: string) =>
    filter.narrows ? 0 : Math.max(0, (heads.get(writer) ?? 0) - last)
  const next = new Map<string, number>()
  let newest: JournalLine[] = []
  const trim = () => {
    newest.sort((a, b) => a.entry.at - b.entry.at || a.sequence - b.sequence)
    newest = last === 0 ? [] : newest.slice(-last)
  }
  for await (const line of audit.read(from, undefined)) {
    next.set(line.writer, line.sequence + 1)
    newest.push(...filter.take(line))
    if (newest.length > 2 * last + 1_000) trim()
  }
  trim()
  yield* newest
  if (signal === undefined) return
  const after = (writer: string) => next.get(writer) ?? from(writer)
  for await (const line of audit.read(after, signal)) yield* filter.take(line)
}

/** Ends when the reader goes away, and when nothing that is wanted can come any more. */
function followSignal({ follow, until }: AuditQuery, now: number, gone: AbortSignal) {
  if (!follow) return undefined
  if (until === undefined) return gone
  const leftMs = Math.min(Math.max(0, until - now), timerMsMax)
  return AbortSignal.any([gone, AbortSignal.timeout(leftMs)])
}
