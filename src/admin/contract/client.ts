/** What a client of the administration does: over the socket, or in the same process. */
import type { z } from 'zod'
import { AdminError, errorBody } from './errors.ts'
import { placeInput, type Route } from './route.ts'

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
 * @throws AdminError when the administration says no
 */
export async function ask<I extends z.ZodObject, A extends z.ZodType>(
  client: AdminClient,
  route: Route<I, A>,
  input: z.input<I>,
): Promise<z.output<A>> {
  const { path, body } = placeInput(route, input)
  const answer = await client.request(route.method, path, body)
  if (answer.status >= 400) throw errorOf(answer)
  return route.answer.parse(JSON.parse(answer.body))
}

/** Lines of a streamed operation, each checked. */
export async function* askLines<I extends z.ZodObject, A extends z.ZodType>(
  client: AdminClient,
  route: Route<I, A>,
  input: z.input<I>,
  signal: AbortSignal,
): AsyncGenerator<z.output<A>> {
  for await (const line of client.lines(placeInput(route, input).path, signal))
    if (line !== '') yield route.answer.parse(JSON.parse(line))
}

/** The error that an answer tells of. */
export function errorOf(answer: AdminAnswer): AdminError {
  try {
    const { error } = errorBody.parse(JSON.parse(answer.body))
    return new AdminError(error.code, error.message, error.wayOut, { issues: error.issues ?? [] })
  } catch (cause) {
    return new AdminError(
      'internal',
      `The administration answered ${answer.status} with something that is no error of its own.`,
      'Check that command and gateway are of the same version.',
      { cause },
    )
  }
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
