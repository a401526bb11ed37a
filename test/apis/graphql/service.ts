/** Starts the mercurius service of `server.mjs` as a process, and makes an executor for it. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { z } from 'zod'
import { createEgress } from '../../../src/egress/guard.ts'
import type { Answer, Executor } from '../../../src/kinds/api/executor.ts'
import { convertGraphql } from '../../../src/kinds/graphql/convert/convert.ts'
import { createGraphqlExecutor } from '../../../src/kinds/graphql/execute/executor.ts'
import type { Conversion } from '../../../src/model/conversion.ts'
import type { Credential } from '../../../src/model/credential.ts'
import {
  type GraphqlCommon,
  type GraphqlPlan,
  graphqlSpec,
} from '../../../src/model/kinds/graphql.ts'
import { patienceMs } from '../../patience.ts'

const seenSchema = z.object({
  requests: z.number(),
  mutations: z.number(),
  slow: z.number(),
  stopped: z.number(),
  streams: z.number(),
  documents: z.array(z.string()),
})

export interface Service {
  readonly url: string
  seen(): Promise<z.infer<typeof seenSchema>>
  stop(): Promise<void>
}

/** `secret` is the bearer token that its field `guarded` wants. */
export async function startService(secret = 'nobody-knows'): Promise<Service> {
  const file = fileURLToPath(new URL('./server.mjs', import.meta.url))
  const child: ChildProcess = spawn(process.execPath, [file, secret], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const { stdin, stdout } = child
  if (stdin === null || stdout === null) throw new Error('no pipes')
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]()
  const line = async (): Promise<unknown> => {
    const { value, done } = await lines.next()
    if (done === true) throw new Error('the service ended')
    return JSON.parse(value)
  }
  const { port } = z.object({ port: z.number() }).parse(await line())
  return {
    url: `http://127.0.0.1:${port}/graphql`,
    async seen() {
      stdin.write('\n')
      return seenSchema.parse(await line())
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill()
      await ended
    },
  }
}

type Spec = z.input<typeof graphqlSpec>

export interface World {
  readonly executor: Executor<GraphqlPlan, GraphqlCommon>
  readonly conversion: Conversion<GraphqlPlan, GraphqlCommon>
  call(tool: string, args?: unknown, over?: CallOptions): Promise<Called>
}

export interface CallOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
  readonly progress?: (done: number, total: number | undefined, message: string | undefined) => void
}

export interface Called {
  readonly isError: boolean
  /** The texts of the result, one a line. */
  readonly text: string
  readonly structured: unknown
  readonly meta: unknown
  /** As it is sent. */
  readonly raw: string
}

const resultSchema = z.object({
  content: z.array(z.object({ type: z.literal('text'), text: z.string() })),
  structuredContent: z.unknown().optional(),
  isError: z.boolean().optional(),
  _meta: z.unknown().optional(),
})

export function readAnswer(answer: Answer): Called {
  if (answer.body.kind !== 'whole') throw new Error('the result is a stream')
  const raw = answer.body.bytes.toString()
  const result = resultSchema.parse(JSON.parse(raw))
  return {
    isError: answer.isError,
    text: result.content.map(({ text }) => text).join('\n'),
    structured: result.structuredContent,
    meta: result._meta,
    raw,
  }
}

export function executorFor(
  spec: Spec,
  credential?: Credential,
): Executor<GraphqlPlan, GraphqlCommon> {
  return createGraphqlExecutor({
    server: 'shop',
    spec: graphqlSpec.parse(spec),
    credential,
    egress: createEgress({ named: ['127.0.0.1'], spec: { hosts: [], networks: [] } }),
    cursors: { seal: (text) => text, open: (text) => text },
    timeoutMs: patienceMs,
    now: Date.now,
  })
}

/** Introspects the service, converts, and calls tools as the gateway does. */
export async function enter(spec: Spec, credential?: Credential): Promise<World> {
  const executor = executorFor(spec, credential)
  onTestFinished(() => executor.close())
  const description = await executor.describe?.(AbortSignal.timeout(patienceMs))
  if (description === undefined) throw new Error('it does not describe itself')
  const conversion = await convertGraphql(graphqlSpec.parse(spec), description)
  return {
    executor,
    conversion,
    async call(tool, args = {}, over = {}) {
      const found = conversion.tools.find(({ definition }) => definition.name === tool)
      if (found === undefined) throw new Error(`no tool ${tool}`)
      const answer = await executor.run({
        plan: found.plan,
        common: conversion.common,
        args: typeof args === 'string' ? args : JSON.stringify(args),
        headers: over.headers ?? {},
        principalId: 'key:test',
        signal: over.signal ?? AbortSignal.timeout(patienceMs),
        progress: over.progress ?? (() => undefined),
      })
      return readAnswer(answer)
    },
  }
}
