/** Cursors of pages: sealed, and good only for the same caller, the same tool and the same arguments, for a while. */
import { hash } from 'node:crypto'
import { StatementFault } from './fault.ts'

const lifeMs = 3_600_000
/** Rows that are passed over at most: a page is found by reading what stands before it. */
export const offsetMax = 100_000

export interface CursorPlace {
  readonly server: string
  readonly principalId: string
  /** What is asked: the tool and everything that was given but the cursor. */
  readonly question: string
  readonly now: number
}

interface Port {
  seal(text: string): string
  open(sealed: string): string | undefined
}

function bindingOf({ server, principalId, question }: CursorPlace): string {
  return hash('sha256', JSON.stringify(['sql', server, principalId, question]), 'base64url')
}

export function sealCursor(port: Port, place: CursorPlace, offset: number): string {
  return port.seal(JSON.stringify(['sql', bindingOf(place), offset, place.now + lifeMs]))
}

/** The offset of the page. @throws StatementFault for a cursor that is forged, of another question or caller, or old */
export function openCursor(port: Port, place: CursorPlace, sealed: string): number {
  const text = port.open(sealed)
  const parts: unknown = text === undefined ? undefined : parsed(text)
  const [kind, binding, offset, expiresAt]: readonly unknown[] = Array.isArray(parts) ? parts : []
  const good =
    kind === 'sql' &&
    binding === bindingOf(place) &&
    typeof offset === 'number' &&
    typeof expiresAt === 'number' &&
    expiresAt > place.now
  if (!good)
    throw new StatementFault(
      'cursor',
      'The cursor is not valid, has expired, or belongs to another call.',
      {
        hint: 'Call again without it, or with the very arguments that it came from.',
      },
    )
  return offset
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
