/** Reads `sallyport.yaml`: text to desired state, or to issues that each have a place. */

import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import {
  type Document,
  isAlias,
  isNode,
  isPair,
  isScalar,
  LineCounter,
  parseDocument,
  visit,
  type YAMLError,
} from 'yaml'
import { messageOf } from '../kit/thrown.ts'
import { type DesiredState, desiredState, type Issue } from '../model/desired-state.ts'
import { problemsOf } from './declared-problems.ts'
import { codeOf } from './failure.ts'

const fileBytesMax = 4_000_000
const aliasesMax = 100
const issuesMax = 100

/** Finds the place of a value in the file: its own, or that of the nearest parent that is there. */
export type Locate = (path: readonly PropertyKey[]) => Pick<Issue, 'file' | 'line' | 'column'>

export type Declared =
  | {
      readonly ok: true
      readonly state: DesiredState
      /** As it is written, before defaults. */
      readonly given: unknown
      /** sha256 of the file's text, hex. */
      readonly digest: string
      readonly locate: Locate
    }
  | { readonly ok: false; readonly issues: readonly Issue[] }

/** Reads and checks the declared file. Secrets are still references. */
export async function readDeclared(path: string): Promise<Declared> {
  try {
    const text = await readBounded(path)
    return parseDeclared(text, path)
  } catch (error) {
    const reason =
      codeOf(error) === 'ENOENT'
        ? 'there is no such file'
        : `it cannot be read (${reasonOf(error)})`
    return {
      ok: false,
      issues: [{ path: '', message: reason, file: path, line: undefined, column: undefined }],
    }
  }
}

async function readBounded(path: string): Promise<string> {
  const file = await open(path, 'r')
  try {
    const buffer = Buffer.alloc(fileBytesMax + 1)
    let length = 0
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length)
      length += bytesRead
      if (bytesRead === 0 || length > fileBytesMax) break
    }
    if (length > fileBytesMax) throw new Error(`it is larger than ${fileBytesMax} bytes`)
    return new TextDecoder('utf-8', { fatal: true }).decode(buffer.subarray(0, length))
  } finally {
    await file.close()
  }
}

function reasonOf(error: unknown): string {
  return codeOf(error) ?? messageOf(error)
}

/** Checks the text of a declared file; `file` is the name that issues carry. */
export function parseDeclared(text: string, file: string): Declared {
  const lines = new LineCounter()
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return { file, line, column: col }
  }
  const issueAt = (offset: number, path: string, message: string): Issue => ({
    path,
    message,
    ...place(offset),
  })
  try {
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
    const broken = [...document.errors.map(syntaxError), ...lostAliases(document)]
    if (broken.length > 0)
      return {
        ok: false,
        issues: broken.slice(0, issuesMax).map(({ at, message }) => issueAt(at, '', message)),
      }
    const value: unknown = document.toJS({ maxAliasCount: aliasesMax }) ?? {}
    const offsetOf = (path: readonly PropertyKey[]) => offset(document.contents, path)
    const parsed = desiredState.safeParse(value)
    if (!parsed.success)
      return {
        ok: false,
        issues: problemsOf(parsed.error.issues, desiredState, value)
          .map(({ path, message }) => ({ path, message, at: offsetOf(path) }))
          .sort((a, b) => a.at - b.at)
          .slice(0, issuesMax)
          .map(({ path, message, at }) => issueAt(at, path.map(String).join('.'), message)),
      }
    const digest = createHash('sha256').update(text).digest('hex')
    return {
      ok: true,
      state: parsed.data,
      given: value,
      digest,
      locate: (path) => place(offsetOf(path)),
    }
  } catch (error) {
    // Too many aliases, or nested more deeply than the parser can follow.
    const message = error instanceof RangeError ? 'the file is nested too deeply' : reasonOf(error)
    return { ok: false, issues: [issueAt(0, '', message)] }
  }
}

function syntaxError({ pos, message }: YAMLError): { at: number; message: string } {
  return { at: pos[0], message: message.trim().replace(/\.$/, '') }
}

/** Aliases without an anchor before them. */
function lostAliases(document: Document.Parsed): { at: number; message: string }[] {
  const anchors = new Set<string>()
  const lost: { at: number; message: string }[] = []
  visit(document, {
    Node: (_, node) => {
      if (isAlias(node)) {
        const message = `there is no anchor &${node.source} before this alias`
        if (!anchors.has(node.source)) lost.push({ at: node.range?.[0] ?? 0, message })
      } else if ('anchor' in node && typeof node.anchor === 'string') anchors.add(node.anchor)
    },
  })
  return lost
}

/** Offset of the key that leads to a path, or of the item in a list. */
function offset(root: unknown, path: readonly PropertyKey[]): number {
  let node: unknown = root
  let found = isNode(root) ? (root.range?.[0] ?? 0) : 0
  for (const step of path) {
    if (!isNode(node) || !('items' in node)) break
    const items: readonly unknown[] = node.items
    const item =
      typeof step === 'number'
        ? items[step]
        : items.find(
            (pair) => isPair(pair) && isScalar(pair.key) && String(pair.key.value) === step,
          )
    const mark = isPair(item) ? item.key : item
    if (!isNode(mark)) break
    found = mark.range?.[0] ?? found
    node = isPair(item) ? item.value : item
  }
  return found
}
