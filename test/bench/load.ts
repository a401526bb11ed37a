/** The load generator: raw sockets with keep-alive, in a process of its own. Reads jobs from stdin, answers on stdout. */
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { idPlaceholder, type Job, type Outcome } from './messages.ts'
import { cpuUs, descendants, machineBusyUs } from './proc.ts'

const keptMax = 4_096
let nextId = 20_000_000

/** One keep-alive connection with at most one request on its way. */
class Connection {
  private readonly socket: Socket
  private readonly bytes: Buffer
  private readonly idAt: number
  private readonly expect: string
  private readonly done: (connection: Connection, error: string | undefined) => void
  private got = ''
  private received = 0
  /** Bytes of the whole answer; -1: not known (yet). */
  private needed = -1
  busy = false
  sentAt = 0

  constructor(job: Job, done: (connection: Connection, error: string | undefined) => void) {
    const { request } = job
    const head = Object.entries({
      host: `127.0.0.1:${request.port}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'content-length': String(Buffer.byteLength(request.body)),
      ...request.headers,
    })
    const lines = head.map(([name, value]) => `${name}: ${value}\r\n`).join('')
    this.bytes = Buffer.from(`POST ${request.path} HTTP/1.1\r\n${lines}\r\n${request.body}`)
    this.idAt = this.bytes.indexOf(idPlaceholder)
    this.expect = request.expect
    this.done = done
    this.socket = connect(request.port, '127.0.0.1')
    this.socket.setNoDelay(true)
    this.socket.on('data', (chunk: Buffer) => this.take(chunk))
    this.socket.on('error', (error) => this.finish(error.message))
    this.socket.on('close', () => this.finish('closed'))
  }

  send(at: number): void {
    this.busy = true
    this.sentAt = at
    if (this.idAt >= 0) this.bytes.write(String(++nextId), this.idAt, 'latin1')
    this.socket.write(this.bytes)
  }

  private take(chunk: Buffer): void {
    this.received += chunk.length
    // Of a long answer only the beginning is kept.
    if (this.needed < 0 || this.got.length < keptMax) this.got += chunk.toString('latin1')
    if (this.needed < 0) {
      const headEnd = this.got.indexOf('\r\n\r\n')
      if (headEnd < 0) return
      const length = /content-length: (\d+)/i.exec(this.got.slice(0, headEnd))
      if (length !== null) this.needed = headEnd + 4 + Number(length[1])
    }
    if (this.needed < 0 ? !this.got.endsWith('\r\n0\r\n\r\n') : this.received < this.needed) return
    const { got } = this
    this.got = ''
    this.needed = -1
    this.received = 0
    this.finish(got.includes(this.expect) ? undefined : got.slice(0, 600))
  }

  private finish(error: string | undefined): void {
    if (!this.busy) return
    this.busy = false
    this.done(this, error)
  }

  close(): void {
    this.busy = false
    this.socket.destroy()
  }
}

function quantile(sorted: Float64Array, part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN
}

interface Mark {
  readonly at: number
  readonly pid: number
  readonly others: number
  readonly own: number
}

function mark(job: Job): Mark {
  const own = process.cpuUsage()
  return {
    at: performance.now(),
    pid: cpuUs(job.pid),
    others: job.others.reduce((sum, pid) => sum + cpuUs(pid), 0),
    own: own.user + own.system,
  }
}

/** Busy time of the machine without that of the benchmark's own processes. */
function foreignUs(job: Job): number {
  const family = [job.family, ...descendants(job.family)]
  return machineBusyUs() - family.reduce((sum, pid) => sum + cpuUs(pid), 0)
}

async function run(job: Job): Promise<Outcome> {
  const latencies: number[] = []
  const waiting: number[] = []
  let calls = 0
  let errors = 0
  let firstError: string | undefined
  let measuring = false
  let over = false
  const done = (connection: Connection, error: string | undefined): void => {
    const now = performance.now()
    if (measuring) {
      calls++
      latencies.push(now - connection.sentAt)
    }
    if (error !== undefined) {
      errors++
      firstError ??= error
    }
    if (over || error === 'closed') return
    if (job.rate === undefined) connection.send(now)
    else {
      const due = waiting.shift()
      if (due !== undefined) connection.send(due)
    }
  }
  const connections = Array.from({ length: job.connections }, () => new Connection(job, done))
  const began = performance.now()
  let fired = 0
  let timer: NodeJS.Timeout | undefined
  const tick = (rate: number): void => {
    const now = performance.now()
    const due = Math.floor(((now - began) / 1_000) * rate)
    for (; fired < due; fired++) {
      const free = connections.find((connection) => !connection.busy)
      if (free === undefined) waiting.push(now)
      else free.send(now)
    }
  }
  if (job.rate === undefined) for (const connection of connections) connection.send(began)
  else timer = setInterval(tick, 1, job.rate)
  await new Promise((resolve) => setTimeout(resolve, job.warmMs))
  const foreign = foreignUs(job)
  const foreignAt = performance.now()
  measuring = true
  const first = mark(job)
  await new Promise((resolve) => setTimeout(resolve, job.measureMs))
  measuring = false
  const last = mark(job)
  over = true
  clearInterval(timer)
  const foreignCores = (foreignUs(job) - foreign) / 1_000 / (performance.now() - foreignAt)
  // Answers that are on their way may arrive, so that no gateway sees a broken connection.
  await new Promise((resolve) => setTimeout(resolve, 60))
  for (const connection of connections) connection.close()
  const sorted = Float64Array.from(latencies).sort()
  const each = (us: number): number => (calls === 0 ? Number.NaN : us / calls)
  return {
    calls,
    errors,
    firstError,
    perSecond: calls / ((last.at - first.at) / 1_000),
    p50Ms: quantile(sorted, 0.5),
    p99Ms: quantile(sorted, 0.99),
    cpuUs: each(last.pid - first.pid),
    othersCpuUs: each(last.others - first.others),
    loadCpuUs: each(last.own - first.own),
    foreignCores,
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const job: Job = JSON.parse(line)
  const outcome = await run(job)
  process.stdout.write(`${JSON.stringify(outcome)}\n`)
}
