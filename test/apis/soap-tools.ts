/** A WSDL as callable tools, as the gateway would have them: converted, arguments checked, calls carried out. */

import { existsSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { z } from 'zod'
import { createEgress } from '../../src/egress/guard.ts'
import type { Executor } from '../../src/kinds/api/executor.ts'
import { convertSoap } from '../../src/kinds/soap/convert/convert.ts'
import { createSoapExecutor } from '../../src/kinds/soap/execute/executor.ts'
import { type Conversion, ConversionFault, type Document } from '../../src/model/conversion.ts'
import {
  type SoapCommon,
  type SoapPlan,
  type SoapSpec,
  soapSpec,
} from '../../src/model/kinds/soap.ts'
import { patienceMs } from '../patience.ts'

const root = fileURLToPath(new URL('../', import.meta.url))

export const fixture = (path: string): string => resolve(root, 'fixtures', path)

export function documentOf(location: string): Document {
  return { location, text: readFileSync(location, 'utf8'), mediaType: undefined }
}

/** Reads files beside each other, and nothing else. */
export async function readBeside(reference: string, from: string): Promise<Document> {
  const location = resolve(dirname(from), reference)
  if (!location.startsWith(root)) throw new ConversionFault('document_refused', 'outside', location)
  if (!existsSync(location))
    throw new ConversionFault('document_unreadable', 'there is no such file', location)
  return documentOf(location)
}

export function convertFile(
  path: string,
  spec: Partial<SoapSpec> = {},
): Promise<Conversion<SoapPlan, SoapCommon>> {
  return convertSoap({ ...soapSpec.parse({ wsdl: path }), ...spec }, documentOf(path), readBeside)
}

const answerForm = z.looseObject({
  content: z.array(z.looseObject({ text: z.string() })),
  structuredContent: z.unknown().optional(),
})

export interface Outcome {
  readonly isError: boolean
  readonly text: string
  readonly structured: unknown
}

function executorOf(spec: SoapSpec, now: () => number = Date.now): Executor<SoapPlan, SoapCommon> {
  return createSoapExecutor({
    server: 'legacy',
    spec,
    credential: undefined,
    egress: createEgress({ named: ['127.0.0.1'], spec: { hosts: [], networks: [] } }),
    cursors: { seal: (text) => text, open: (text) => text },
    timeoutMs: patienceMs,
    now,
  })
}

export interface Tools {
  readonly conversion: Conversion<SoapPlan, SoapCommon>
  /** Checks arguments and answers against the schemas of the tool, and throws when they do not fit. */
  call(tool: string, args: unknown): Promise<Outcome>
  close(): Promise<void>
}

/** The tools of a WSDL file at an endpoint. */
export async function toolsOf(path: string, options: Partial<SoapSpec>): Promise<Tools> {
  const spec = { ...soapSpec.parse({ wsdl: path }), ...options }
  const conversion = await convertFile(path, spec)
  const executor = executorOf(spec)
  return {
    conversion,
    async call(name, args) {
      const tool = conversion.tools.find(({ definition }) => definition.name === name)
      if (tool === undefined) throw new Error(`no tool ${name}`)
      const { inputSchema, outputSchema } = tool.definition
      const json = typeof args === 'string' ? args : JSON.stringify(args)
      expectFit(inputSchema, JSON.parse(json), 'arguments')
      const answer = await executor.run({
        plan: tool.plan,
        common: conversion.common,
        args: json,
        headers: {},
        principalId: 'key:test',
        signal: AbortSignal.timeout(patienceMs),
        progress: () => undefined,
      })
      if (answer.body.kind !== 'whole') throw new Error('the result is a stream')
      const result = answerForm.parse(JSON.parse(answer.body.bytes.toString()))
      if (!answer.isError && outputSchema !== undefined)
        expectFit(outputSchema, result.structuredContent, 'answer')
      return {
        isError: answer.isError,
        text: result.content.map(({ text }) => text).join('\n'),
        structured: result.structuredContent,
      }
    },
    close: () => executor.close(),
  }
}

function expectFit(schema: object, value: unknown, what: string): void {
  const ajv = new Ajv2020({ strict: false })
  if (ajv.validate(schema, value)) return
  throw new Error(`${what} do not fit: ${ajv.errorsText()} ${JSON.stringify(value)}`)
}
