/** What the tests of this folder share: folders, entries, a disk that fails on demand. */
import { cp, mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { createKeyRing } from '../kit/key-ring.ts'
import { names } from '../model/methods.ts'
import type { Entry, IntentEntry } from '../model/record.ts'
import { type FilePort, systemFiles } from './file-port.ts'
import { type Journal, type JournalOptions, openJournal } from './journal.ts'
import { intentLine, outcomeLine } from './lines.ts'
import { readJournal } from './read.ts'
import { segmentName } from './segment.ts'

export function newFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'sallyport-journal-'))
}

/** Of a ring that all processes of a test share. */
export const seals = createKeyRing({
  keys: [{ id: 'test', secret: Buffer.alloc(32, 7).toString('base64url'), createdAt: 0 }],
})

/** Beside the folder, as the gateway keeps it. */
export function anchorPath(dir: string): string {
  return `${dir}.anchor`
}

export function open(dir: string, options: Partial<JournalOptions> = {}): Promise<Journal> {
  return openJournal({
    dir,
    anchorPath: anchorPath(dir),
    seals,
    node: 'n1',
    segmentBytesMax: 1_000_000,
    mode: 'required',
    onFault: () => undefined,
    ...options,
  })
}

export function intentEntry(call: string): IntentEntry {
  return {
    kind: 'intent',
    call,
    at: 1,
    principal: 'key:ci',
    principalId: '7f',
    environment: 'prod',
    endpoint: '/mcp',
    method: names.callTool,
    server: 'crm',
    name: 'find',
    revision: '2026-07-28',
    argsDigest: '',
    itemDigest: '',
    rule: 'r',
    snapshot: 1,
  }
}

export const intent = (call: string): string => intentLine(intentEntry(call))

export const outcome = (call: string): string =>
  outcomeLine({ kind: 'outcome', call, at: 2, status: 'ok', ms: 1.5, bytes: 10, code: '' })

export async function pairs(journal: Journal, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) {
    await journal.intent(intent(`c${i}`))
    await journal.append(outcome(`c${i}`))
  }
}

/** The folder as the disk would show it after the process was killed. */
export async function crashCopy(dir: string): Promise<string> {
  const copy = await newFolder()
  const filter = (source: string): boolean => !/lock|\.tmp$/.test(basename(source))
  await cp(anchorPath(dir), anchorPath(copy))
  await cp(dir, copy, { recursive: true, filter })
  return copy
}

export async function segmentData(dir: string, writer: string, segment = 1): Promise<Buffer> {
  const bytes = await readFile(join(dir, writer, segmentName(segment)))
  return bytes.subarray(0, bytes.lastIndexOf(10) + 1)
}

export async function entriesOf(dir: string): Promise<Entry[]> {
  const entries: Entry[] = []
  const onFault = (error: Error): never => {
    throw error
  }
  for await (const { entry } of readJournal(dir, { onFault })) entries.push(entry)
  return entries
}

/** `kind call status` of every entry that has them. */
export async function summaryOf(dir: string): Promise<string[]> {
  return (await entriesOf(dir)).map((entry) => {
    if (entry.kind === 'outcome') return `outcome ${entry.call} ${entry.status}`
    return 'call' in entry ? `${entry.kind} ${entry.call}` : entry.kind
  })
}

/** The system's files, failing as long as `fails` says so. A failing write leaves half of its bytes. */
export function failingFiles(fails: {
  write: boolean
  sync: boolean
  truncate: boolean
}): FilePort {
  return {
    ...systemFiles,
    write(fd, bytes, offset, length, position) {
      if (!fails.write) return systemFiles.write(fd, bytes, offset, length, position)
      systemFiles.write(fd, bytes, offset, length >> 1, position)
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
    },
    sync(fd, done) {
      if (fails.sync) setImmediate(() => done(new Error('input/output error')))
      else systemFiles.sync(fd, done)
    },
    truncate(fd, length) {
      if (fails.truncate) throw new Error('input/output error')
      systemFiles.truncate(fd, length)
    },
  }
}
