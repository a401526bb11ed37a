/** Builds the gateway: settings -> journal -> snapshot -> servers -> doors; the database comes beside, never before. */
import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { performance } from 'node:perf_hooks'
import type { Logger } from 'pino'
import { Lister } from '../catalog/list.ts'
import { loadNode } from '../cluster/node-file.ts'
import { Nodes, reachableAddress } from '../cluster/nodes.ts'
import { drain } from '../flow/drain.ts'
import { ListenHub } from '../flow/listen.ts'
import type { Rooms } from '../flow/rooms.ts'
import { type ServeDeps, serve } from '../flow/serve.ts'
import { taskIds } from '../flow/task-ids.ts'
import { mayKnow, shownName } from '../flow/visible.ts'
import { createGuard, type Guard } from '../guard/inspect.ts'
import { identify, isStillValid } from '../identity/identify.ts'
import { localPrincipal } from '../identity/owner.ts'
import { openHttpDoor, portOf } from '../ingress/open.ts'
import { isLoopback } from '../ingress/origin.ts'
import { readiness } from '../ingress/readiness.ts'
import type { HttpDoor } from '../ingress/receive.ts'
import { SessionTable } from '../ingress/sessions.ts'
import type { DoorPorts } from '../ingress/settings.ts'
import { createKeyRing, type KeyRing, type RingFile } from '../kit/key-ring.ts'
import { watchFile } from '../kit/watch-file.ts'
import { MemoryLedger } from '../limits/memory.ts'
import type { AtWork } from '../model/at-work.ts'
import type { Actor, UnderRecord } from '../model/change.ts'
import {
  type DesiredState,
  durationMs,
  type InForce,
  type Issue,
  type KeyRow,
  type StoredState,
  sizeBytes,
} from '../model/desired-state.ts'
import { GatewayError } from '../model/refusal.ts'
import { createProcessManager, type ProcessManager } from '../process/manager.ts'
import { anonymousRefusals } from '../record/anonymous.ts'
import { createChangeRecorder } from '../record/change.ts'
import { type Journal, openJournal } from '../record/journal.ts'
import { createRecorder, type Recorder } from '../record/record.ts'
import { journalStanding } from '../record/standing.ts'
import { Servers } from '../registry/servers.ts'
import { compileSnapshot, withListings } from '../snapshot/compile.ts'
import { Configuration, ConfigurationError, type DeclaredFile } from '../snapshot/configuration.ts'
import { SnapshotCell } from '../snapshot/swap.ts'
import { withoutKeys } from '../snapshot/without-keys.ts'
import { DeclaredMemory } from '../store/declared-memory.ts'
import { Revocations } from '../store/revocations.ts'
import { loadRing } from '../store/ring-file.ts'
import { sourcesOf } from '../store/sources.ts'
import { Standing } from '../store/standing.ts'
import { type ParkingBounds, ParkingLot } from '../upstream/parking.ts'
import { parkedAt } from '../upstream/request-state.ts'
import { giveUp, send } from '../upstream/send.ts'
import { encodeOwnNotification, encodeRefusal } from '../wire/encode.ts'

export interface GatewayOptions {
  /** Absolute. Made when it is not there, 0700. */
  readonly dataDir: string
  /** Absolute; undefined: nothing is declared. */
  readonly configFile: string | undefined
  readonly port: number | undefined
  readonly host: string | undefined
  /** Role of --insecure-local; undefined: keys are required. */
  readonly insecureRole: string | undefined
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly stored: StoredState | undefined
  readonly log: Logger
  /** Opens no HTTP door: for `sallyport stdio` and offline commands. */
  readonly listen: boolean
  /** Asks servers only when something needs them: for commands that run beside no gateway. */
  readonly passive: boolean
}

/** Name of every node before nodes had names of their own; chains of that time may still need repair. */
const formerNode = 'local'
const hideAfterMs = 15 * 60_000
const processesMax = 256
const expiryMs = 15_000
/** After so long a changed file is tried again that could not be recorded. */
const reloadAgainMs = 5_000

/** Whoever may write the declared file. */
const fileActor: Actor = { label: 'file', id: 'file', via: 'file', uid: undefined }

export class Gateway {
  readonly configuration: Configuration
  readonly cell: SnapshotCell
  readonly servers: Servers
  readonly journal: Journal
  readonly recorder: Recorder
  /** Makes changes of what is wanted. */
  readonly underRecord: UnderRecord
  readonly guard: Guard
  readonly sessions: SessionTable
  readonly deps: ServeDeps
  readonly ports: DoorPorts
  readonly nodes: Nodes
  /** Its name among the nodes. */
  readonly node: string
  readonly options: GatewayOptions
  private readonly ring: KeyRing
  private readonly declaredMemory: DeclaredMemory
  door: HttpDoor | undefined
  endpoint: string | undefined
  /** Where other nodes reach the door; undefined without one. */
  address: string | undefined
  readonly revocations: Revocations
  readonly standing: Standing
  private readonly stop = new AbortController()
  private readonly atWork = new Set<AtWork>()
  private readonly processes: ProcessManager
  private readonly parking: ParkingLot
  private readonly memory: MemoryLedger
  private readonly anonymous: ReturnType<typeof anonymousRefusals>
  private readonly stopWatching: () => void
  private expiry: NodeJS.Timeout | undefined
  private reloading: Promise<unknown> = Promise.resolve()
  private reloadAgain: NodeJS.Timeout | undefined

  private constructor(parts: {
    options: GatewayOptions
    configuration: Configuration
    revocations: Revocations
    cell: SnapshotCell
    journal: Journal
    guard: Guard
    processes: ProcessManager
    ring: KeyRing
    declaredMemory: DeclaredMemory
    node: string
  }) {
    const { options, configuration, cell, journal, guard, processes, ring, node } = parts
    const { log } = options
    this.options = options
    this.node = node
    this.ring = ring
    this.declaredMemory = parts.declaredMemory
    this.configuration = configuration
    this.revocations = parts.revocations
    this.standing = new Standing(parts.revocations)
    this.cell = cell
    this.journal = journal
    this.guard = guard
    this.processes = processes
    this.recorder = createRecorder({ journal })
    this.parking = new ParkingLot(() => this.parkingBounds())
    this.memory = new MemoryLedger(
      () => sizeBytes(String(this.cell.current.state.listen.memoryMax)) ?? 512_000_000,
    )
    this.nodes = new Nodes({
      node,
      ring,
      log,
      now: Date.now,
      onChange: () => this.door?.peersChanged(),
    })
    this.servers = new Servers({
      processes,
      environment: options.environment,
      proxy: () => this.cell.current.state.egress.proxy,
      baseFolder: options.configFile === undefined ? process.cwd() : dirname(options.configFile),
      passive: options.passive,
      listingsFolder: join(options.dataDir, 'listings'),
      now: Date.now,
      cursors: {
        seal: (text) => ring.seal('cursor', text),
        open: (sealed) => (sealed.length > 8_192 ? undefined : ring.open('cursor', sealed)),
      },
      nameOf: (recorded, tool) => shownName(this.cell.current, recorded, tool),
      onListings: () => this.cell.swap(withListings(this.cell.current, this.servers.listings())),
      onResourceUpdated: (server, params) => this.deps.hub.updated(server, params),
      onTaskChanged: (server, params) => this.deps.hub.taskChanged(server, params),
      log: ({ level, server, text }) => log[level]({ server }, text),
    })
    const hub = new ListenHub(this.servers)
    cell.onSwap((next, before) => hub.changed(next, before))
    this.deps = {
      rooms: this.rooms(ring, node),
      hub,
      nextCallId: callIds(),
      parkedAt: (identified) => parkedAt(ring, identified, Date.now()),
      isStopping: () => this.stopping.aborted,
    }
    this.underRecord = createChangeRecorder({
      journal,
      nextId: this.deps.nextCallId,
      now: Date.now,
      clock: () => performance.now(),
    })
    this.sessions = new SessionTable({
      ring,
      node,
      countMax: 50_000,
      perPrincipalMax: 2_000,
      idleMs: 3_600_000,
      lifeMs: 86_400_000,
      now: Date.now,
    })
    this.anonymous = anonymousRefusals({
      append: (line) => void journal.append(line),
      perSecondSourcesMax: 64,
      bytesPerMinuteMax: 64_000,
      now: Date.now,
    })
    this.ports = this.doorPorts()
    // To its server a parked call is one that runs.
    this.join({
      settle: () => undefined,
      busy: () => this.parking.size > 0,
      cancel: () => this.parking.abandonWhere(() => true, 'The gateway is stopping.'),
    })
    this.stopWatching =
      options.configFile === undefined
        ? () => undefined
        : watchFile(options.configFile, () => this.reload())
  }

  /** @throws Error with a sentence and the issues when the configuration cannot be used at all */
  static async start(options: GatewayOptions): Promise<Gateway> {
    await mkdir(options.dataDir, { recursive: true, mode: 0o700 })
    const local =
      options.insecureRole === undefined ? undefined : localPrincipal(options.insecureRole)
    const revocations = await Revocations.load(join(options.dataDir, 'revoked.json'))
    const configuration = new Configuration({
      sources: sourcesOf(options.configFile, options.environment),
      local,
      revocations,
    })
    if (options.stored !== undefined) configuration.stored = options.stored
    const file = await configuration.readFile()
    if (!file.ok) throw new ConfigurationError(file.issues)
    const { log } = options
    const { audit } = file.state
    const node = await loadNode(join(options.dataDir, 'node'))
    const startedAt = Date.now()
    const ring = createKeyRing(
      await loadRing(
        join(options.dataDir, 'keys'),
        options.environment['SALLYPORT_KEYS'],
        startedAt,
      ),
    )
    const [journal, processes] = await Promise.all([
      openJournal({
        dir: join(options.dataDir, 'journal'),
        anchorPath: join(options.dataDir, 'journal.anchor'),
        seals: ring,
        node,
        formerNodes: [formerNode],
        segmentBytesMax: sizeBytes(String(audit.segmentMax)) ?? 64_000_000,
        mode: audit.mode,
        onFault: (error) => log.error({ err: error }, 'journal'),
      }),
      createProcessManager({
        dataDir: options.dataDir,
        processesMax,
        log: (event) =>
          log[/^(stderr|started)$/.test(event.kind) ? 'debug' : 'info'](
            event,
            `process ${event.kind}`,
          ),
      }),
    ])
    const first = compileSnapshot({
      state: configuration.beginning(file),
      keys: [],
      listings: [],
      local,
      previous: undefined,
    })
    if (!first.ok) throw new ConfigurationError(first.issues)
    const gateway = new Gateway({
      options,
      configuration,
      revocations,
      cell: new SnapshotCell(first.snapshot),
      journal,
      guard: createGuard(),
      processes,
      ring,
      declaredMemory: await DeclaredMemory.load(join(options.dataDir, 'declared.sealed'), ring),
      node,
    })
    await gateway.useFile(file)
    await gateway.note('start', '')
    for (const { at, what } of journal.losses())
      if (at >= startedAt) await gateway.note('journal', what)
    if (options.listen) await gateway.listen()
    return gateway
  }

  /** Compiles and swaps, unless it cannot be used: the running Snapshot stays then. */
  apply(): InForce {
    const applied = this.configuration.compile(this.servers.listings(), this.cell.current)
    if (!applied.ok) {
      this.dropRevoked()
      return { inForce: false, issues: applied.issues }
    }
    const before = rulesOf(this.cell.current.state)
    const changed = applied.snapshot.digest !== this.cell.current.digest
    this.servers.apply(applied.servers, applied.secrets)
    this.cell.swap(withListings(applied.snapshot, this.servers.listings()))
    if (changed) {
      const { version } = this.configuration.stored
      const digest = applied.snapshot.digest.slice(0, 16)
      void this.note('configuration', `state ${digest}, stored version ${version}`)
    }
    if (changed && before !== rulesOf(applied.snapshot.state)) {
      this.sessions.endSubscriptions()
      this.door?.endListens()
    }
    this.endInvalid()
    return { inForce: true, issues: applied.leftOut }
  }

  /**
   * Ends what is kept for principals whose key was revoked or has expired: what they run and hold open here, and what
   * servers hold for them. What was sealed for them opens for nobody else. Comes again when the next key expires, and
   * now and then, for what was still being opened.
   */
  private endInvalid(): void {
    clearTimeout(this.expiry)
    const { keys } = this.cell.current
    const now = Date.now()
    let nextMs = expiryMs
    for (const { expiresAt } of keys.byId.values())
      if (expiresAt !== undefined && expiresAt > now) nextMs = Math.min(nextMs, expiresAt - now)
    const gone = (id: string): boolean => !isStillValid(keys, { id }, now)
    this.sessions.endWhere(gone)
    this.door?.endOf(gone)
    this.parking.abandonWhere(gone, 'The key of the caller is not valid any more.')
    this.servers.dropPrincipals(gone)
    this.expiry = setTimeout(() => this.endInvalid(), nextMs)
    this.expiry.unref()
  }

  /**
   * Uses what the declared file says, once what changed in it is recorded.
   * @throws ConfigurationError when it cannot be used; what was used before stays then
   */
  private async useFile(file: DeclaredFile): Promise<void> {
    const trial = this.configuration.compile(this.servers.listings(), this.cell.current, file)
    if (!trial.ok) throw new ConfigurationError(trial.issues)
    // A command beside no gateway may run in a folder with another file, or without one.
    const changes = this.options.passive ? [] : this.declaredMemory.changesTo(file.given)
    await this.underRecord(fileActor, changes, async () => {
      const before = this.configuration.use(file)
      const { inForce, issues } = this.apply()
      if (inForce) return
      this.configuration.use(before)
      throw new ConfigurationError(issues)
    })
    if (changes.length === 0) return
    await this.declaredMemory
      .keep(file.given)
      .catch((fault: unknown) =>
        this.options.log.warn({ err: fault }, 'the next start records these changes once more'),
      )
  }

  /** Reads the declared file again, after those that are being read. */
  private reload(): void {
    this.reloading = this.reloading
      .then(() => this.reloadOnce())
      .catch((fault: unknown) =>
        this.options.log.error({ err: fault }, 'the changed configuration could not be read'),
      )
  }

  private async reloadOnce(): Promise<void> {
    clearTimeout(this.reloadAgain)
    const { log } = this.options
    try {
      const file = await this.configuration.readFile()
      if (!file.ok) throw new ConfigurationError(file.issues)
      await this.useFile(file)
      log.info('configuration reloaded')
    } catch (fault) {
      const issues = issuesOf(fault)
      this.configuration.refuseFile(issues)
      log.warn({ issues }, 'the changed configuration is not used; the running one stays')
      if (fault instanceof ConfigurationError) return
      this.reloadAgain = setTimeout(() => this.reload(), reloadAgainMs).unref()
    }
  }

  /** Takes stored state that came from the database or from the last good copy. */
  useStored(stored: StoredState): InForce {
    // Two loads may come back in another order than they were asked.
    if (stored.version < this.configuration.stored.version) return { inForce: true, issues: [] }
    this.configuration.stored = stored
    return this.apply()
  }

  /** Records what the gateway itself did. A command that runs beside no gateway leaves no trace of starts and stops. */
  async note(method: string, detail: string): Promise<void> {
    if (this.options.passive && (method === 'start' || method === 'stop')) return
    await this.recorder.note({
      kind: 'system',
      principal: '',
      principalId: '',
      environment: '',
      endpoint: '',
      method,
      detail,
    })
  }

  /** Takes a rotated key ring; what is open stays open. */
  async useRing(ring: RingFile): Promise<void> {
    this.ring.replace(ring)
    await this.journal.reseal()
    await this.declaredMemory.reseal()
  }

  private parkingBounds(): ParkingBounds {
    const { calls, perPrincipal, timeout } = this.cell.current.state.parking
    return {
      countMax: calls,
      perPrincipalMax: perPrincipal,
      lifeMs: durationMs(timeout) ?? 300_000,
    }
  }

  private rooms(ring: KeyRing, node: string): Rooms {
    const lister = new Lister({
      pageItemsMax: 1_000,
      pageBytesMax: 1_000_000,
      cacheBytesMax: 64_000_000,
      hideAfterMs,
      ttlMs: 60_000,
      sealCursor: (text) => ring.seal('cursor', text),
      openCursor: (sealed) => (sealed.length > 8_192 ? undefined : ring.open('cursor', sealed)),
      offlineOf: (server) => this.cell.current.state.servers[server]?.offline ?? 'keep',
      appsJoined: (server) => this.cell.current.state.servers[server]?.apps === 'joined',
    })
    const sendDeps = { ring, node, parking: this.parking, now: Date.now }
    return {
      snapshot: () => this.cell.current,
      isStillValid: (principal) => isStillValid(this.cell.current.keys, principal, Date.now()),
      lister,
      guard: this.guard,
      recorder: this.recorder,
      credentialOf: (server) => this.servers.credentialOf(server),
      send: (recorded, sink) =>
        send(sendDeps, this.servers.gate(recorded.target.server, recorded.headers), recorded, sink),
      giveUp: (requestState, reason) => giveUp(sendDeps, requestState, reason),
      tasks: taskIds(ring, Date.now),
      seen: (servers, waitMs) => this.servers.seen(servers, waitMs),
      refreshList: (server) => this.servers.refresh(server),
      fault: (call, error) =>
        this.options.log.error(
          { err: error.cause ?? error, call: call.callId },
          'a call failed in the gateway itself',
        ),
      now: Date.now,
      clock: () => performance.now(),
    }
  }

  private doorPorts(): DoorPorts {
    return {
      identify: (authorization, apiKey) =>
        identify(this.cell.current.keys, authorization, apiKey, Date.now()),
      serve: (principal, exchange, text) => serve(this.deps, principal, exchange, text),
      refusalText: (error) => encodeRefusal('modern', 'null', error, undefined).head.join(''),
      account: (principalId, address) => this.memory.account(principalId, address),
      endpointExists: (endpoint, principal) => mayKnow(this.cell.current, endpoint, principal),
      anonymous: (source, error) => this.anonymous.count(source, error.code),
      subscribe: (session, principal, deliver) =>
        this.deps.hub.add({
          principal,
          endpoint: session.endpoint,
          wants: () => true,
          deliver: (method, params) => deliver(encodeOwnNotification(method, params)),
        }),
      peers: this.nodes,
      join: (work) => this.join(work),
      hasParked: () => this.parking.size > 0,
      ready: () =>
        readiness({
          isStopping: this.stopping.aborted,
          evidence: journalStanding(this.journal),
          database: this.standing.database(),
          notKept: this.notKept(),
        }),
      log: ({ level, text, error }) => this.options.log[level]({ err: error }, text),
    }
  }

  /** What of the desired state is in force here, but is not yet wherever it must be. In sentences, for anybody. */
  notKept(): readonly string[] {
    return this.standing.notKept(this.configuration.stored.keys)
  }

  /** What is stored of a key, as far as this node knows. Undefined: none of that name is valid. */
  validKey(name: string, at: number): KeyRow | undefined {
    return this.configuration.stored.keys.find(
      (key) =>
        key.name === name &&
        key.revokedAt === undefined &&
        (key.expiresAt === undefined || key.expiresAt > at),
    )
  }

  /**
   * Refuses a key from now on, in memory and on disk, whatever becomes of the database. False: no key of that name is
   * valid here. What the disk does not take is tried again; `revocations.fault` says so.
   */
  async revoke(name: string, at: number): Promise<boolean> {
    const row = this.validKey(name, at)
    if (row === undefined) return false
    const kept = this.revocations.add(row, at)
    this.dropRevoked()
    await kept
    return true
  }

  /** Takes keys out of the running Snapshot that are valid no more, also when what is stored does not compile. */
  private dropRevoked(): void {
    const valid = this.configuration
      .keys()
      .flatMap((row) => (row.revokedAt === undefined ? row.hash : []))
    const left = withoutKeys(this.cell.current, new Set(valid))
    if (left === undefined) return
    this.cell.swap(left.snapshot)
    void this.note('configuration', `revoked ${left.gone.join(', ')}`)
    this.endInvalid()
  }

  private async listen(): Promise<void> {
    const declared = this.configuration.declared.state.listen
    const listen = {
      ...declared,
      host: this.options.host ?? declared.host,
      port: this.options.port ?? declared.port,
    }
    if (this.options.insecureRole !== undefined && !isLoopback(listen.host))
      throw new Error(
        '--insecure-local works on a loopback address only. Leave out --host, or use keys.',
      )
    const door = await openHttpDoor(this.ports, listen, this.sessions)
    this.door = door
    this.join(door)
    const port = portOf(door, listen.port)
    const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host
    this.endpoint = `http://${host}:${port}/mcp`
    this.address = this.configuration.advertise ?? reachableAddress(listen.host, port)
  }

  /** Aborts when the gateway begins to stop. */
  get stopping(): AbortSignal {
    return this.stop.signal
  }

  /** Takes part in the stop until the returned way is taken. */
  join(work: AtWork): () => void {
    this.atWork.add(work)
    return () => this.atWork.delete(work)
  }

  /**
   * Begins nothing new and lets what runs end, for `listen.drain` at most and no longer than `hurry` allows. The doors
   * are open meanwhile; the one of HTTP closes then.
   */
  async drain(hurry: AbortSignal): Promise<void> {
    this.stop.abort()
    // The others hear first, so that clients begin anew with them.
    await this.nodes.retire()
    const drainMs = durationMs(this.cell.current.state.listen.drain) ?? 20_000
    await drain(this.atWork, drainMs, hurry)
    await this.door?.close()
  }

  /** Ends servers and closes the journal. What still runs is cut, so `drain` comes first. */
  async close(): Promise<void> {
    clearTimeout(this.expiry)
    this.stopWatching()
    await this.reloading
    clearTimeout(this.reloadAgain)
    this.parking.abandonWhere(() => true, 'The gateway is stopping.')
    this.sessions.close()
    await this.servers.close()
    await this.processes.close()
    await this.guard.close()
    this.anonymous.close()
    this.recorder.flush()
    await this.note('stop', '')
    await this.journal.close()
  }
}

/** What decides who may hear of what. */
function rulesOf(state: DesiredState): string {
  return JSON.stringify([state.roles, state.access, state.toolsets])
}

/** Call ids: a random part for each start, then a counter. */
function callIds(): () => string {
  const boot = randomBytes(6).toString('base64url')
  let count = 0
  return () => `${boot}-${(++count).toString(36)}`
}

/** What is wrong with the declared file, or keeps it from being used. */
function issuesOf(fault: unknown): readonly Issue[] {
  if (fault instanceof ConfigurationError) return fault.issues
  if (!(fault instanceof GatewayError)) throw fault
  const message = `what changed in the file cannot be recorded, so it is not used: ${fault.message}`
  return [{ path: '', message, file: undefined, line: undefined, column: undefined }]
}
