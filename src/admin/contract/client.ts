/** What a client of the administration does: over the socket, or in the same process. */
import { z } from 'zod'
import { productVersion } from '../../model/product.ts'
import { AdminError, errorBody, nothingAt } from './errors.ts'
import { placeInput, type Route } from './route.ts'
import { getStatus } from './status.ts'

export interface AdminAnswer {
  readonly status: number
  /** JSON text. */
  readonly body: string
}

export interface AdminClient {
  request(method: Route['method'], path: string, body?: unknown): Promise<AdminAnswer>
  /** Lines of a streamed answer, until it ends or the signal aborts. */
  lines(path: string, signal: AbortSignal): AsyncIterable<string>
  close(): Promise<void>
}

/**
 * Makes one operation and returns its checked answer.
 * @throws AdminError when the administration says no, or is of a version that this one does not understand
 */
export async function ask<I extends z.ZodObject, A extends z.ZodType>(
  client: AdminClient,
  route: Route<I, A>,
  input: z.input<I>,
): Promise<z.output<A>> {
  const { path, body } = placeInput(route, input)
  const answer = await client.request(route.method, path, body)
  try {
    if (answer.status < 400) return read(route.answer, answer.body)
    const error = errorOf(answer)
    if (error.message === nothingAt(route.method, path))
      throw new Unreadable(error.message, { cause: error })
    throw error
  } catch (fault) {
    throw await understood(client, fault)
  }
}

/** Lines of a streamed operation, each checked. */
export async function* askLines<I extends z.ZodObject, A extends z.ZodType>(
  client: AdminClient,
  route: Route<I, A>,
  input: z.input<I>,
  signal: AbortSignal,
): AsyncGenerator<z.output<A>> {
  try {
    for await (const line of client.lines(placeInput(route, input).path, signal))
      if (line !== '') yield read(route.answer, line)
  } catch (fault) {
    throw await understood(client, fault)
  }
}

/** The error that an answer tells of. */
export function errorOf(answer: AdminAnswer): AdminError {
  const { error } = read(errorBody, answer.body)
  return new AdminError(error.code, error.message, error.wayOut, { issues: error.issues ?? [] })
}

/** What the other side said is not of the form that the contract of this version has. */
class Unreadable extends Error {}

function read<A extends z.ZodType>(schema: A, text: string): z.output<A> {
  try {
    return schema.parse(JSON.parse(text))
  } catch (cause) {
    throw new Unreadable('an answer cannot be read', { cause })
  }
}

/** All that is asked of an answer of any version. */
const anyStatus = z.object({ version: z.string() })

async function understood(client: AdminClient, fault: unknown): Promise<unknown> {
  if (!(fault instanceof Unreadable)) return fault
  const version = await client
    .request(getStatus.method, getStatus.path)
    .then(({ body }) => anyStatus.parse(JSON.parse(body)).version)
    .catch(() => undefined)
  const gateway = version === undefined ? 'of an unknown version' : `version ${version}`
  return new AdminError(
    'versions_differ',
    `The gateway (${gateway}) and this command (version ${productVersion}) do not understand each other.`,
    version === productVersion
      ? 'Start the gateway again: it may still run what was installed before.'
      : 'Run the command of the version that the gateway has, or install one version for both and start the gateway again.',
    { cause: fault },
  )
}

/** Text chunks to lines; the last line needs no end. */
export async function* linesOf(chunks: AsyncIterable<unknown>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of chunks) {
    rest += chunk instanceof Uint8Array ? decoder.decode(chunk, { stream: true }) : String(chunk)
    const lines = rest.split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
  if (rest !== '') yield rest
}
