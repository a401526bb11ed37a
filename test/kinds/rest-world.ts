/** A REST executor and the real server behind it, for tests of what it makes of answers. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { onTestFinished } from 'vitest'
import { createEgress } from '../../src/egress/guard.ts'
import type { Executor, Run } from '../../src/kinds/api/executor.ts'
import { createRestExecutor } from '../../src/kinds/openapi/execute/executor.ts'
import type { Credential } from '../../src/model/credential.ts'
import { openapiSpec, type RestCommon, type RestPlan } from '../../src/model/kinds/openapi.ts'
import { patienceMs } from '../patience.ts'
import { bytesOf } from './contract.ts'
import { plainPlan, type Running, serve } from './rest-server.ts'

export type Handler = (request: IncomingMessage, response: ServerResponse, body: Buffer) => unknown

export interface World {
  readonly server: Running
  readonly executor: Executor<RestPlan, RestCommon>
  call(plan?: Partial<RestPlan>, args?: unknown, over?: CallOver): Promise<Result>
}

export interface CallOver extends Pick<Partial<Run<RestPlan, RestCommon>>, 'signal' | 'revision'> {
  readonly headers?: Readonly<Record<string, string>>
  readonly common?: RestCommon
}

export interface Result {
  readonly raw: string
  readonly text: string
  readonly texts: readonly string[]
  readonly isError: boolean
  readonly streamed: boolean
  readonly structured: unknown
  readonly content: readonly Readonly<Record<string, unknown>>[]
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

interface Setting {
  readonly credential?: Credential
  readonly timeoutMs?: number
  readonly hosts?: readonly string[]
  readonly now?: () => number
}

export async function world(handler: Handler, setting: Setting = {}): Promise<World> {
  const server = await serve(handler)
  const executor = createRestExecutor({
    server: 'api',
    spec: openapiSpec.parse({ spec: 'api.yaml' }),
    credential: setting.credential,
    egress: createEgress({
      named: ['127.0.0.1', ...(setting.hosts ?? [])],
      spec: { hosts: [], networks: [] },
    }),
    cursors: { seal: (text) => text, open: (text) => text },
    timeoutMs: setting.timeoutMs ?? patienceMs,
    now: setting.now ?? Date.now,
  })
  onTestFinished(async () => {
    await executor.close()
    await server.stop()
  })
  return {
    server,
    executor,
    async call(plan = {}, args = {}, { headers = {}, common = { security: {} }, ...over } = {}) {
      const answer = await executor.run({
        plan: { ...plainPlan, baseUrl: server.origin, ...plan },
        common,
        args: JSON.stringify(args),
        headers,
        principalId: 'key:test',
        signal: AbortSignal.timeout(patienceMs),
        progress: () => undefined,
        ...over,
      })
      const raw = (await bytesOf(answer)).toString()
      const result: unknown = JSON.parse(raw)
      if (!isRecord(result) || !Array.isArray(result['content'])) throw new Error('is no result')
      const content = result['content'].filter(isRecord)
      const texts = content.flatMap(({ text }) => (typeof text === 'string' ? [text] : []))
      return {
        raw,
        text: texts[0] ?? '',
        texts,
        isError: result['isError'] === true,
        streamed: answer.body.kind === 'stream',
        structured: result['structuredContent'],
        content,
      }
    },
  }
}

export const answering =
  (
    status: number,
    type: string,
    body: string | Buffer,
    headers: Record<string, string> = {},
  ): Handler =>
  (_request, response) => {
    response.writeHead(status, { ...(type === '' ? {} : { 'content-type': type }), ...headers })
    response.end(body)
  }
