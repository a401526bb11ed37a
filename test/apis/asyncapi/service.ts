/** Starts the service of `server.mjs` as a process, converts `service.yml` for it, and calls its tools. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { z } from 'zod'
import { createEgress } from '../../../src/egress/guard.ts'
import { convertAsyncapi } from '../../../src/kinds/asyncapi/convert/convert.ts'
import { createAsyncapiExecutor } from '../../../src/kinds/asyncapi/execute/executor.ts'
import type { Conversion } from '../../../src/model/conversion.ts'
import type { Credential } from '../../../src/model/credential.ts'
import {
  type AsyncApiCommon,
  type AsyncApiPlan,
  asyncapiSpec,
} from '../../../src/model/kinds/asyncapi.ts'
import { patienceMs } from '../../patience.ts'
import { type Called, type CallOptions, readAnswer } from '../graphql/service.ts'

const seenSchema = z.object({
  opened: z.number(),
  closed: z.number(),
  slow: z.number(),
  stopped: z.number(),
  flaky: z.number(),
  streams: z.number(),
  messages: z.array(z.string()),
  upgrades: z.array(z.object({ url: z.string(), headers: z.record(z.string(), z.unknown()) })),
})

export interface Service {
  readonly port: number
  seen(): Promise<z.infer<typeof seenSchema>>
  stop(): Promise<void>
}

/** `secret` is the bearer token that the channel `/guarded` wants; with `tls` it speaks wss and https. */
export async function startService(
  secret = 'nobody-knows',
  tls: readonly string[] = [],
): Promise<Service> {
  const file = fileURLToPath(new URL('./server.mjs', import.meta.url))
  const child = spawn(process.execPath, [file, secret, ...tls], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  // A service that was stopped reads no more.
  child.stdin.on('error', () => undefined)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const line = async (): Promise<unknown> => {
    const { value, done } = await lines.next()
    if (done === true) throw new Error('the service ended')
    return JSON.parse(value)
  }
  const { port } = z.object({ port: z.number() }).parse(await line())
  return {
    port,
    async seen() {
      child.stdin.write('\n')
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

type Converted = Conversion<AsyncApiPlan, AsyncApiCommon>

/** The description of the service, at its port. */
export function descriptionFor(port: number): string {
  const file = new URL('./service.yml', import.meta.url)
  return readFileSync(file, 'utf8').replaceAll(/default: ['"]1['"]/g, `default: '${port}'`)
}

function convert(text: string, spec: object = {}): Promise<Converted> {
  return convertAsyncapi(
    asyncapiSpec.parse({ spec: 'service.yml', ...spec }),
    { location: '/specs/service.yml', text, mediaType: undefined },
    () => Promise.reject(new Error('nothing else is there')),
  )
}

export interface World {
  readonly conversion: Converted
  call(tool: string, args?: unknown, over?: CallOptions): Promise<Called>
}

export interface EnterOptions {
  readonly credential?: Credential
  readonly spec?: object
  readonly secure?: boolean
}

export async function enter(
  port: number,
  { credential, spec = {}, secure = false }: EnterOptions = {},
): Promise<World> {
  const text = descriptionFor(port)
  const described = secure ? text.replaceAll(/protocol: (ws|http)\b/g, 'protocol: $1s') : text
  const conversion = await convert(described, spec)
  const executor = createAsyncapiExecutor({
    server: 'exchange',
    spec: asyncapiSpec.parse({ spec: 'service.yml', ...spec }),
    credential,
    egress: createEgress({ named: ['127.0.0.1'], spec: { hosts: [], networks: [] } }),
    cursors: { seal: (text) => text, open: (text) => text },
    timeoutMs: patienceMs,
    now: Date.now,
  })
  onTestFinished(() => executor.close())
  return {
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
