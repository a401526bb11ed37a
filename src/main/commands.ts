/** What the command line runs: the gateway, its stdio form, and the administration when no gateway runs. */

import { access, lstat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Logger } from 'pino'
import type { AdminClient } from '../admin/contract/client.ts'
import { AdminError } from '../admin/contract/errors.ts'
import { stdioPlace } from '../admin/contract/socket.ts'
import { createAdmin, createConversionAdmin } from '../admin/create.ts'
import { fromRefusal } from '../admin/fault.ts'
import { inProcessAdmin } from '../admin/in-process.ts'
import { serveAdmin } from '../admin/serve.ts'
import type { CliPorts, UpOptions as CliUpOptions, Place, StdioOptions } from '../cli/ports.ts'
import { connectStdio } from '../cli/stdio-client.ts'
import { ownerBy } from '../identity/owner.ts'
import { serveStdio } from '../ingress/stdio.ts'
import { admitStdio, stdioRefusal } from '../ingress/stdio-admit.ts'
import { listenStdio } from '../ingress/stdio-socket.ts'
import { readStateFile } from '../kit/state-file.ts'
import { messageOf } from '../kit/thrown.ts'
import { GatewayError } from '../model/refusal.ts'
import { convertServer, detachedHost, detectSource } from '../registry/conversions.ts'
import { Configuration, ConfigurationError } from '../snapshot/configuration.ts'
import { codeOf } from '../store/failure.ts'
import { noRevocations } from '../store/revocations.ts'
import { sourcesOf } from '../store/sources.ts'
import { adminPorts } from './admin.ts'
import type { Gateway } from './gateway.ts'
import { type UpOptions, up } from './up.ts'

export interface CommandSettings {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly migrations: string
  readonly resolveFrom: string
  readonly log: Logger
  readonly stdout: CliPorts['stdout']
  readonly stderr: CliPorts['stderr']
  /** Aborts when the process is asked to stop. */
  readonly signal: AbortSignal
  /** Aborts when it is asked again. */
  readonly hurry: AbortSignal
  /** Told when the start is over. Until then who asks again gets the end at once. */
  readonly onStarted: () => void
}

/** The file that is read when none is named: `sallyport.yaml` in the working folder, if it is there. */
export async function configFile(
  settings: CommandSettings,
  place: Place,
): Promise<string | undefined> {
  if (place.config !== undefined) return place.config
  return ifThere(join(settings.cwd, 'sallyport.yaml'))
}

/** Names the declared file with which the gateway of a data folder ran last; empty: without one. */
const configName = 'config'

/** Beside no gateway, commands read what the gateway read, wherever they are given. */
export async function lastConfigFile(
  settings: CommandSettings,
  place: Place,
): Promise<string | undefined> {
  if (place.config !== undefined) return place.config
  const said = await readStateFile(join(place.dataDir, configName)).catch(() => undefined)
  if (said === undefined) return configFile(settings, place)
  const last = said.trim()
  return last === '' ? undefined : ifThere(last)
}

async function ifThere(path: string): Promise<string | undefined> {
  return access(path).then(
    () => path,
    () => undefined,
  )
}

/** At least one of these lies in the data folder of every gateway that was started once. */
const marks = ['node', 'last-good.json', 'postgres']

async function hasGateway({ dataDir }: Place): Promise<boolean> {
  for (const mark of marks) {
    const fault = await lstat(join(dataDir, mark)).then(() => undefined, codeOf)
    if (fault === undefined) return true
    if (fault === 'EACCES')
      throw new AdminError(
        'not_owner',
        `${dataDir} cannot be entered.`,
        'Run the command as the user who runs the gateway.',
      )
  }
  return false
}

/** Only `up` makes a gateway: whoever runs another command in the wrong folder hears of it. */
async function assertGateway(place: Place): Promise<void> {
  if (await hasGateway(place)) return
  throw new AdminError(
    'no_gateway',
    `There is no gateway in ${place.dataDir}.`,
    'Name its data folder with --data DIR or SALLYPORT_DATA; "sallyport up" makes a new gateway.',
  )
}

/** `${SALLYPORT_DATA}` is the data folder wherever that was named, so that a file can put something into it. */
export function environmentOf(
  { environment }: CommandSettings,
  { dataDir }: Place,
): CommandSettings['environment'] {
  return { ...environment, SALLYPORT_DATA: dataDir }
}

async function base(
  settings: CommandSettings,
  place: Place,
  file: string | undefined,
): Promise<Omit<UpOptions, 'onReady' | 'attach' | 'stopped'>> {
  return {
    gateway: {
      dataDir: place.dataDir,
      configFile: file,
      port: undefined,
      host: undefined,
      insecureRole: undefined,
      environment: environmentOf(settings, place),
      listen: false,
      passive: false,
    },
    databaseUrl: settings.environment['DATABASE_URL'],
    migrations: settings.migrations,
    resolveFrom: settings.resolveFrom,
    hurry: settings.hurry,
    log: settings.log,
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

async function serveBeside(
  gateway: Gateway,
  store: Parameters<UpOptions['attach']>[1],
): Promise<() => Promise<void>> {
  const admin = await serveAdmin(adminPorts(gateway, store), ownerBy('socket'))
  const stopStdio = await listenStdio(gateway, await stdioPlace(gateway.options.dataDir))
  gateway.join({ settle: () => undefined, busy: admin.busy, cancel: () => undefined })
  return async () => {
    await stopStdio()
    await admin.close()
  }
}

/** `sallyport up`. */
export async function runUp(settings: CommandSettings, given: CliUpOptions): Promise<number> {
  const file = await configFile(settings, given)
  const options = await base(settings, given, file)
  const gateway = {
    ...options.gateway,
    port: given.port,
    host: given.host,
    insecureRole: given.insecureLocal,
    listen: true,
  }
  if (settings.stderr.isTTY && !given.json)
    settings.stderr.write(
      (await hasGateway(given))
        ? `Starting the gateway in ${given.dataDir} ...\n`
        : `Making a new gateway in ${given.dataDir}; its database takes some seconds ...\n`,
    )
  await stating(() =>
    up({
      ...options,
      gateway,
      attach: serveBeside,
      stopped: untilAborted(settings.signal),
      onReady: (running, firstKey) => {
        settings.onStarted()
        void writeFile(join(given.dataDir, configName), `${file ?? ''}\n`, { mode: 0o600 }).catch(
          (fault: unknown) =>
            settings.log.warn({ err: fault }, 'commands beside no gateway will read another file'),
        )
        settings.stdout.write(
          given.json
            ? `${JSON.stringify({ endpoint: running.endpoint, ...(firstKey === undefined ? {} : { key: firstKey }) })}\n`
            : greeting(running, firstKey, given.insecureLocal, dataOption(settings, given)),
        )
      },
    }),
  )
  return 0
}

/** What a command must say to find this data folder from here. */
function dataOption({ cwd, environment }: CommandSettings, { dataDir }: Place): string {
  const found = resolve(cwd, environment['SALLYPORT_DATA'] ?? '.sallyport')
  return found === dataDir ? '' : ` --data ${/^[\w./-]+$/.test(dataDir) ? dataDir : `'${dataDir}'`}`
}

/** `data`: how further commands name the data folder. */
function greeting(
  gateway: Gateway,
  firstKey: string | undefined,
  insecureRole: string | undefined,
  data: string,
): string {
  const endpoint = gateway.endpoint ?? ''
  const lines = ['', `Sallyport is ready at ${endpoint}`, '']
  if (insecureRole !== undefined)
    lines.push(
      `WARNING: no key is asked for. Whoever reaches this machine's loopback acts with the role "${insecureRole}".`,
      '',
    )
  if (firstKey !== undefined) {
    lines.push(
      'The first key, shown only this once (roles: owner, all-tools):',
      `  first key: ${firstKey}`,
      '',
    )
    lines.push(
      'Point a client here, e.g.:',
      `  claude mcp add --transport http sallyport ${endpoint} --header "Authorization: Bearer ${firstKey}"`,
      `  (other clients: sallyport connect cursor | vscode | inspector${data})`,
      '',
    )
  }
  const servers = Object.keys(gateway.cell.current.state.servers)
  lines.push(
    servers.length === 0
      ? `No server is registered yet: sallyport add NAME${data} URL, or -- COMMAND`
      : `Servers: ${servers.join(', ')}`,
  )
  lines.push(`Record:  sallyport audit tail${data}      Proof: sallyport audit verify${data}`, '')
  return lines.join('\n')
}

/** `sallyport stdio`: through the gateway that runs on the data folder, else with one of its own. */
export async function runStdio(settings: CommandSettings, given: StdioOptions): Promise<number> {
  const running = await stating(() => connectStdio(given.dataDir, given.key, given.endpoint))
  if (running !== undefined) {
    settings.onStarted()
    process.stdin.pipe(running)
    // Like the end of the input: what was asked is answered.
    settings.signal.addEventListener('abort', () => {
      process.stdin.unpipe(running)
      running.end()
    })
    settings.hurry.addEventListener('abort', () => running.destroy(), { once: true })
    // Ends when the gateway has said all, whether it waits for more of the client or not.
    await pipeline(running, process.stdout, { end: false }).catch(() => undefined)
    running.destroy()
    return 0
  }
  await assertGateway(given)
  const options = await base(settings, given, await lastConfigFile(settings, given))
  const over = new AbortController()
  settings.signal.addEventListener('abort', () => over.abort(), { once: true })
  let failed: unknown
  await stating(() =>
    up({
      ...options,
      attach: serveBeside,
      stopped: untilAborted(over.signal),
      onReady: (gateway) => {
        settings.onStarted()
        serveOwn(gateway, given).then(
          () => over.abort(),
          (fault: unknown) => {
            failed = fault
            over.abort()
          },
        )
      },
    }),
  )
  if (failed !== undefined) throw failed
  return 0
}

async function serveOwn(gateway: Gateway, given: StdioOptions): Promise<void> {
  await serveStdio(gateway.ports, gateway.sessions, {
    input: process.stdin,
    output: process.stdout,
    ...admitted(gateway, given),
    messageBytesMax: 4_000_000,
    concurrentMax: 256,
  })
}

function admitted(gateway: Gateway, given: StdioOptions): ReturnType<typeof admitStdio> {
  try {
    return admitStdio(gateway.ports, given)
  } catch (thrown) {
    throw stdioError(thrown)
  }
}

function stdioError(thrown: unknown): AdminError {
  const { code, message, wayOut } = stdioRefusal(thrown)
  return new AdminError(code, message, wayOut, { cause: thrown })
}

/** The administration in this process, for commands that find no gateway running. */
export function offline(settings: CommandSettings, place: Place): Promise<AdminClient> {
  return new Promise((resolve, reject) => {
    assertGateway(place)
      .then(() => lastConfigFile(settings, place))
      .then((file) => base(settings, place, file))
      .then((options) => {
        let release: () => void = () => undefined
        const stopped = new Promise<void>((done) => {
          release = done
        })
        const ended = up({
          ...options,
          gateway: { ...options.gateway, passive: true },
          stopped,
          attach: async (gateway, store) => {
            ready = () =>
              resolve(
                inProcessAdmin(
                  createAdmin(adminPorts(gateway, store), ownerBy('command')),
                  settings.signal,
                  async () => {
                    release()
                    await ended
                  },
                ),
              )
            return async () => undefined
          },
          onReady: () => {
            settings.onStarted()
            ready()
          },
        })
        let ready: () => void = () => undefined
        ended.catch((fault: unknown) => reject(stated(fault)))
      })
      .catch(reject)
  })
}

/** What the declared file says of proxies, as far as it can be read. */
async function declaredProxy(
  { environment }: CommandSettings,
  file: string | undefined,
): Promise<'none' | 'environment'> {
  const configuration = new Configuration({
    sources: sourcesOf(file, environment),
    local: undefined,
    revocations: noRevocations,
  })
  const read = await configuration.readFile()
  return read.ok ? read.state.egress.proxy : 'none'
}

/** Looks at descriptions in this process: without a data folder, a store or a running gateway. */
export async function conversions(settings: CommandSettings, place: Place): Promise<AdminClient> {
  const file = await configFile(settings, place)
  const host = detachedHost({
    environment: environmentOf(settings, place),
    proxy: await declaredProxy(settings, file),
    baseFolder: file === undefined ? settings.cwd : dirname(file),
  })
  const app = createConversionAdmin(
    {
      detect: (request) => detectSource(host, request),
      convert: (spec) => convertServer(host, spec),
      log: ({ level, text }) => settings.log[level](text),
    },
    ownerBy('command'),
  )
  return inProcessAdmin(app, settings.signal, () => host.close())
}

/** Turns what stops a start into an error with its sentence for people. */
async function stating<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (fault) {
    throw stated(fault)
  }
}

function stated(fault: unknown): AdminError {
  if (fault instanceof AdminError) return fault
  if (fault instanceof GatewayError && fault.code === 'database_unavailable')
    return fromRefusal(fault).error
  const message = messageOf(fault)
  const hint =
    fault instanceof Error && 'hint' in fault && typeof fault.hint === 'string'
      ? fault.hint
      : undefined
  if (fault instanceof ConfigurationError)
    return new AdminError(
      'invalid',
      message,
      fault.issues.some(({ file }) => file !== undefined)
        ? 'Mend the file; "sallyport check" says when it is right.'
        : 'Mend what it names and start again.',
      { cause: fault },
    )
  const wayOut = 'Mend what it names and start again; SALLYPORT_LOG=debug tells more.'
  return new AdminError('failed', hint ?? message, wayOut, { cause: fault })
}
