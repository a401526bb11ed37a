/** Builds the gateway: settings -> journal -> snapshot -> servers -> doors; the database comes beside, never before. */
import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { performance } from 'node:perf_hooks'
import type { Logger } from 'pino'
import { builtInRoles } from '../admin/built-in-roles.ts'
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
import { localPrincipal, ownerBy } from '../identity/owner.ts'
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
import type { UnderRecord } from '../model/change.ts'
import { durationMs, type StoredState, sizeBytes } from '../model/desired-state.ts'
import { createProcessManager, type ProcessManager } from '../process/manager.ts'
import { anonymousRefusals } from '../record/anonymous.ts'
import { createChangeRecorder } from '../record/change.ts'
import { type Journal, openJournal } from '../record/journal.ts'
import { createRecorder, type Recorder } from '../record/record.ts'
import { journalStanding } from '../record/standing.ts'
import { Unrecorded } from '../record/unrecorded.ts'
import { Servers } from '../registry/servers.ts'
import { Applier, type Running } from '../snapshot/apply.ts'
import { withListings } from '../snapshot/compile.ts'
import { Configuration, ConfigurationError } from '../snapshot/configuration.ts'
import { SnapshotCell } from '../snapshot/swap.ts'
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
  readonly unrecorded: Unrecorded
  readonly applier: Applier
  readonly standing: Standing
  private readonly stop = new AbortController()
  private readonly atWork = new Set<AtWork>()
  private readonly processes: ProcessManager
  private readonly parking: ParkingLot
  private readonly memory: MemoryLedger
  private readonly anonymous: ReturnType<typeof anonymousRefusals>
  private readonly stopWatching: () => void

  private constructor(parts: {
    options: GatewayOptions
    unrecorded: Unrecorded
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
    this.unrecorded = parts.unrecorded
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
      parkedAt: (call) => parkedAt(ring, call, Date.now()),
      isStopping: () => this.stopping.aborted,
    }
    this.underRecord = createChangeRecorder({
      journal,
      unrecorded: parts.unrecorded,
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
    this.applier = new Applier(
      {
        configuration,
        cell,
        revocations: parts.revocations,
        memory: parts.declaredMemory,
        underRecord: this.underRecord,
        passive: options.passive,
        log,
      },
      this.running(),
    )
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
        : watchFile(options.configFile, () => this.applier.reload())
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
    const first = configuration.beginning(file)
    if (!first.ok) throw new ConfigurationError(first.issues)
    const gateway = new Gateway({
      options,
      unrecorded: await Unrecorded.load(
        join(options.dataDir, 'unrecorded.json'),
        join(options.dataDir, 'journal'),
        journal,
      ),
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
    await gateway.applier.useFile(file)
    await gateway.note('start', '')
    for (const { at, what } of journal.losses())
      if (at >= startedAt) await gateway.note('journal', what)
    if (options.listen) {
      await gateway.admitLocal()
      await gateway.listen()
    }
    return gateway
  }

  /** Records what the gateway itself did. Where none serves, nothing starts or comes into force. */
  async note(method: string, detail: string): Promise<void> {
    if (this.options.passive && method !== 'journal') return
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

  /** Callers without a key: in which role, is recorded before they come. @throws Error when there is no such role */
  private async admitLocal(): Promise<void> {
    const { insecureRole: role } = this.options
    const roles = [...builtInRoles.keys(), ...Object.keys(this.cell.current.state.roles)]
    if (role !== undefined && !roles.includes(role))
      throw new Error(
        `There is no role "${role}" for callers without a key. Roles: ${roles.sort().join(', ')}.`,
      )
    const changes = this.declaredMemory.changesToLocalRole(role)
    if (changes.length === 0) return
    await this.underRecord(ownerBy('start'), changes, () => this.declaredMemory.keepLocalRole(role))
  }

  /** What another Snapshot changes. */
  private running(): Running {
    return {
      listings: () => this.servers.listings(),
      use: (servers, secrets) => this.servers.apply(servers, secrets),
      endSubscriptions: () => {
        this.sessions.endSubscriptions()
        this.door?.endListens()
      },
      endOf: (gone) => {
        this.sessions.endWhere(gone)
        this.door?.endOf(gone)
        this.parking.abandonWhere(gone, 'The key of the caller is not valid any more.')
        this.servers.dropPrincipals(gone)
      },
      note: (detail) => void this.note('configuration', detail),
    }
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
      isStillValid: (principal) => this.cell.current.identities.isStillValid(principal, Date.now()),
      lister,
      guard: this.guard,
      recorder: this.recorder,
      present: (_principal, server) => this.servers.presented(server),
      send: (recorded, sink) =>
        send(
          sendDeps,
          this.servers.gate(recorded.target.server, recorded.presented),
          recorded,
          sink,
        ),
      giveUp: (requestState, reason) => giveUp(sendDeps, requestState, reason),
      tasks: taskIds(ring, Date.now),
      seen: (servers, waitMs) => this.servers.seen(servers, waitMs),
      refreshList: (server) => this.servers.refresh(server),
      fault: (call, error) =>
        this.options.log.error(
          { err: error.cause ?? error, call: call.id },
          'a call failed in the gateway itself',
        ),
      now: Date.now,
      clock: () => performance.now(),
    }
  }

  private doorPorts(): DoorPorts {
    return {
      identify: (authorization, apiKey) =>
        this.cell.current.identities.identify(authorization, apiKey, Date.now()),
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
    this.stopWatching()
    await this.applier.close()
    this.parking.abandonWhere(() => true, 'The gateway is stopping.')
    this.sessions.close()
    await this.servers.close()
    await this.processes.close()
    await this.guard.close()
    this.anonymous.close()
    this.recorder.flush()
    await this.unrecorded.close()
    await this.note('stop', '')
    await this.journal.close()
  }
}

/** Call ids: a random part for each start, then a counter. */
function callIds(): () => string {
  const boot = randomBytes(6).toString('base64url')
  let count = 0
  return () => `${boot}-${(++count).toString(36)}`
}
