/** Puts a route of the contract onto the server: checked input, checked answer. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import { unowned } from '../kit/owner.ts'
import type { Actor } from '../model/change.ts'
import { problemsOf } from '../store/declared-problems.ts'
import type { Route } from './contract/route.ts'
import { invalid } from './fault.ts'

export interface Given {
  readonly [member: string]: unknown
  readonly spec?: unknown
}

declare module 'fastify' {
  interface FastifyRequest {
    readonly actor: Actor
  }
}

/** Every request of the instance acts as this one. */
export function giveActor(app: FastifyInstance, actor: Actor): void {
  app.decorateRequest('actor', { getter: () => actor })
}

/** `given` is the input as it was sent: what is stored keeps no defaults of this version. */
export type Work<I extends z.ZodObject, A extends z.ZodType> = (
  input: z.output<I>,
  given: Given,
  actor: Actor,
  /** Aborts when whoever asked waits no longer. */
  gone: AbortSignal,
) => Promise<z.input<A>>

export function handle<I extends z.ZodObject, A extends z.ZodType>(
  app: FastifyInstance,
  route: Route<I, A>,
  work: Work<I, A>,
): void {
  app.route({
    method: route.method,
    url: urlOf(route),
    handler: async (request, reply) => {
      const given = givenBy(request)
      const input = checkInput(route.input, given)
      // What it sets off, e.g. a server that is connected, outlives the connection that asked.
      const gone = new AbortController()
      reply.raw.once('close', () => {
        if (!reply.raw.writableEnded) gone.abort()
      })
      if (reply.raw.destroyed) gone.abort()
      return route.answer.parse(await unowned(() => work(input, given, request.actor, gone.signal)))
    },
  })
}

/** The path as fastify writes it. */
export function urlOf(route: Pick<Route, 'path'>): string {
  return route.path.replaceAll(/\{(\w+)\}/g, ':$1')
}

export function givenBy(request: FastifyRequest): Given {
  return { ...members(request.query), ...members(request.body), ...members(request.params) }
}

/** @throws AdminError invalid, with one issue for each thing that is wrong */
export function checkInput<I extends z.ZodObject>(schema: I, given: Given): z.output<I> {
  const parsed = schema.safeParse(given)
  if (parsed.success) return parsed.data
  const issues = problemsOf(parsed.error.issues, schema, given).map(({ path, message }) => ({
    path: path.map(String).join('.'),
    message,
  }))
  throw invalid('The request is not valid.', issues)
}

function members(value: unknown): Given {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
}
