import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { messageOf } from '../kit/thrown.ts'
import { markerName, type ProcessId } from './family.ts'

/**
 * A small shell process that outlives the gateway by moments: when the gateway is gone, however
 * it went, the guardian ends the children that it left behind. It learns of them through its
 * stdin, whose end tells it that the gateway is gone. It leads a session of its own and holds
 * nothing of the gateway's open.
 */

/**
 * The marker finds what the list cannot: a child that was started but not yet announced, and
 * descendants that left the group. The gateway's fork holds the pipe open until its exec, so the
 * end of stdin is never seen before a child carries its marker; a few empty rounds cover the rest.
 * $1 is the marker.
 */
const script = `
trap '' HUP INT QUIT TERM PIPE
exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
groups=' '
while read -r verb group start; do
  case $verb in
    add) groups="$groups$group:$start " ;;
    del) case $groups in *" $group:$start "*)
      groups="\${groups%%" $group:$start "*} \${groups#*" $group:$start "}" ;; esac ;;
    bye) exit 0 ;;
  esac
done
ours() {
  kill -0 "-$1" || return 1
  [ "$2" != - ] || return 0
  read -r stat < "/proc/$1/stat" || return 0
  set -- "$2" \${stat##*) }
  [ "\${21}" = "$1" ]
}
pass() {
  found=1
  for entry in $groups; do
    ours "\${entry%%:*}" "\${entry#*:}" && kill "-$1" "-\${entry%%:*}" && found=0
  done
  for file in $(grep -ls "$marker" /proc/[0-9]*/environ); do
    pid=\${file#/proc/}
    kill "-$1" "\${pid%/environ}" && found=0
  done
  return $found
}
marker=$1 round=0 quiet=0 signal=TERM
while [ $round -lt 150 ] && [ $quiet -lt 3 ]; do
  if pass $signal; then quiet=0; else quiet=$((quiet + 1)); fi
  round=$((round + 1)) signal=0
  [ $round -lt 10 ] || signal=KILL
  sleep 0.1 || sleep 1
done
`

const searchPath = '/usr/local/bin:/usr/bin:/bin:/run/current-system/sw/bin'
const restartMs = 1000
const pendingBytesMax = 65_536
const goodbyeMs = 2000

export class Guardian {
  readonly #marker: string
  readonly #onLost: (detail: string) => void
  readonly #groups = new Set<string>()
  #process: ChildProcess | undefined
  #closing = false

  /** `onLost` is told when there is no guardian for a while; another is started then. */
  constructor(boot: string, onLost: (detail: string) => void) {
    this.#marker = `${markerName}=${boot}`
    this.#onLost = onLost
  }

  /** Starts the guardian. A system without /bin/sh goes without: then only the next start clears up. */
  start(): void {
    try {
      this.#process = this.#spawn()
    } catch (error) {
      this.#lost(messageOf(error))
    }
    for (const group of this.#groups) this.#tell(`add ${group}`)
  }

  add(leader: ProcessId): void {
    this.#groups.add(describe(leader))
    this.#tell(`add ${describe(leader)}`)
  }

  remove(leader: ProcessId): void {
    this.#groups.delete(describe(leader))
    this.#tell(`del ${describe(leader)}`)
  }

  /** Lets the guardian go. With children still left it stays, until it has ended them. */
  async close(): Promise<void> {
    this.#closing = true
    const guardian = this.#process
    if (guardian === undefined) return
    if (this.#groups.size > 0) {
      guardian.stdin?.end()
      return
    }
    guardian.ref()
    const gone = once(guardian, 'exit').catch(() => undefined)
    guardian.stdin?.end('bye\n')
    await Promise.race([gone, delay(goodbyeMs, undefined, { ref: false })])
    guardian.kill('SIGKILL')
  }

  #spawn(): ChildProcess {
    const guardian = spawn('/bin/sh', ['-c', script, 'sallyport-guardian', this.#marker], {
      cwd: '/',
      detached: true,
      env: { PATH: searchPath },
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    const gone = (detail: string) => {
      if (this.#process === guardian) this.#lost(detail)
    }
    guardian.on('error', (error) => gone(error.message))
    guardian.once('exit', (code, signal) => gone(`it ended with ${signal ?? `code ${code}`}`))
    guardian.stdin.on('error', () => guardian.kill('SIGKILL'))
    // It must not keep the gateway alive.
    guardian.unref()
    if (guardian.stdin instanceof Socket) guardian.stdin.unref()
    return guardian
  }

  #tell(line: string): void {
    const input = this.#process?.stdin
    if (!input?.writable) return
    input.write(`${line}\n`)
    // One that does not read is of no use; its end starts another.
    if (input.writableLength > pendingBytesMax) this.#process?.kill('SIGKILL')
  }

  #lost(detail: string): void {
    this.#process = undefined
    if (this.#closing) return
    this.#onLost(detail)
    setTimeout(() => this.#closing || this.start(), restartMs).unref()
  }
}

function describe({ pid, startTime }: ProcessId): string {
  return `${pid} ${process.platform === 'linux' ? (startTime ?? '-') : '-'}`
}
