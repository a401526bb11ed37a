/**
 * Arguments made by a schema faker of each tool's own `inputSchema`: an envelope can be written of them, and what a
 * reader finds in it are the same arguments.
 */
import { readdirSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { generateSync } from 'json-schema-faker'
import { expect, it } from 'vitest'
import { ArgumentFault, parseArguments } from '../../src/kinds/soap/execute/arguments.ts'
import { writeEnvelope } from '../../src/kinds/soap/execute/envelope.ts'
import { XmlReader } from '../../src/kinds/soap/execute/read.ts'
import { parseXml } from '../../src/kit/xml.ts'
import { convertFile, fixture } from './soap-tools.ts'

const limits = { charactersMax: 10_000_000, depthMax: 200, nodesMax: 100_000 }

/** Numbers and the texts of numbers are the same value; empty properties and their absence, too. */
function plain(value: unknown): unknown {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (typeof value === 'string')
    return /^[+-]?[\d.]+$/.test(value) ? String(Number(value)) : value.trim()
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value)
    .map(([key, one]) => [key, plain(one)] as const)
    .filter(([, one]) => one !== '' && !(Array.isArray(one) && one.length === 0))
  const [only] = entries
  if (only === undefined) return ''
  // Free content that is nothing but text is that text.
  return entries.length === 1 && only[0] === 'text' ? only[1] : Object.fromEntries(entries)
}

it('arguments of a faker are written and read back, each optional one included once', async () => {
  const files = readdirSync(fixture('specs/wsdl'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.wsdl'))
    .map((path) => fixture(`specs/wsdl/${path}`))
  let made = 0
  let same = 0
  let unfit = 0
  const ajv = new Ajv2020({ strict: false })
  const misses = new Map<string, string>()
  for (const path of [...files, fixture('soap/orders.wsdl'), fixture('soap/calculator.wsdl')]) {
    const { tools, common } = await convertFile(path, { endpoint: 'http://127.0.0.1:1/' })
    for (const { operation, definition, plan } of tools)
      for (const alwaysFakeOptionals of [true, false, false]) {
        const args = generateSync(definition.inputSchema, {
          alwaysFakeOptionals,
          seed: made + unfit + 1,
        })
        // The faker itself fails on some recursive schemas; what it says must be an argument at all.
        if (!ajv.validate(definition.inputSchema, args)) {
          unfit += 1
          continue
        }
        made += 1
        try {
          const envelope = writeEnvelope({
            plan,
            common,
            args: parseArguments(JSON.stringify(args)),
            security: undefined,
            now: 0,
          })
          const root = await parseXml(envelope, limits)
          const header = root.children.find(({ local }) => local === 'Header')
          const body = root.children.find(({ local }) => local === 'Body')
          if (body === undefined) throw new Error('no body')
          const read = new XmlReader(common.types, body).message(plan.input, body, header)
          expect(plain(read), `${path} ${operation} ${envelope}`).toEqual(plain(args))
          same += 1
        } catch (thrown) {
          if (!(thrown instanceof ArgumentFault)) throw thrown
          misses.set(operation, thrown.message)
        }
      }
  }
  process.stdout.write(
    `  SOAP faker: ${same} of ${made} calls, ${unfit} not made; ${JSON.stringify(Object.fromEntries(misses))}\n`,
  )
  expect(made).toBeGreaterThan(140)
  expect(same / made).toBeGreaterThan(0.95)
})
