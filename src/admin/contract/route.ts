/** How one operation of the administration looks from outside; server, client and OpenAPI read the same value. */
import { z } from 'zod'

export interface Route<I extends z.ZodObject = z.ZodObject, A extends z.ZodType = z.ZodType> {
  /** `operationId` of the OpenAPI description. */
  readonly id: string
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** `{name}` stands for a member of the input. */
  readonly path: string
  readonly summary: string
  /** Members that are not in the path travel in the query (GET, DELETE) or in the body. */
  readonly input: I
  readonly answer: A
  /** The answer is a stream of JSON lines, each of the form of `answer`. */
  readonly lines?: true
}

/** Gives a route its precise type. */
export function route<I extends z.ZodObject, A extends z.ZodType>(given: Route<I, A>): Route<I, A> {
  return given
}

/** Input of an operation that takes none. */
export const nothing = z.object({})

/** Answer of an operation that has nothing to tell but that it is done. */
export const done = z.object({ warnings: z.array(z.string()) })

const placeholder = /\{(\w+)\}/g

/** Names of the members that travel in the path. */
export function pathMembers(path: string): string[] {
  return [...path.matchAll(placeholder)].flatMap((match) => match[1] ?? [])
}

/** Whether members outside the path travel in the query. */
export function hasQuery(given: Pick<Route, 'method'>): boolean {
  return given.method === 'GET' || given.method === 'DELETE'
}

/** Path with query, and body, of a request. */
export function placeInput(
  given: Pick<Route, 'method' | 'path'>,
  input: Readonly<Record<string, unknown>>,
): { readonly path: string; readonly body: Readonly<Record<string, unknown>> | undefined } {
  const inPath = pathMembers(given.path)
  const path = given.path.replaceAll(placeholder, (_, name: string) =>
    encodeURIComponent(String(input[name])),
  )
  const rest = Object.entries(input).filter(
    ([name, value]) => value !== undefined && !inPath.includes(name),
  )
  if (!hasQuery(given)) return { path, body: Object.fromEntries(rest) }
  const query = new URLSearchParams()
  for (const [name, value] of rest) query.append(name, String(value))
  return { path: query.size === 0 ? path : `${path}?${query}`, body: undefined }
}
