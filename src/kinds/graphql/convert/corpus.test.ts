/** GitHub's public schema: everything in it becomes a tool that a server with that schema must accept. */

import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { buildSchema, parse, validate } from 'graphql'
import { beforeAll, describe, expect, it } from 'vitest'
import { costOf } from '../../../../test/cost.ts'
import { compileSchema } from '../../../guard/compile.ts'
import type { Conversion } from '../../../model/conversion.ts'
import { type GraphqlCommon, type GraphqlPlan, graphqlSpec } from '../../../model/kinds/graphql.ts'
import { convertGraphql } from './convert.ts'

const file = new URL('../../../../test/fixtures/specs/graphql/github.graphql.gz', import.meta.url)
const text = gunzipSync(readFileSync(file)).toString('utf8')
const spec = graphqlSpec.parse({ url: 'https://api.github.example/graphql' })
const description = { location: '/specs/github.graphql', text, mediaType: undefined }

let conversion: Conversion<GraphqlPlan, GraphqlCommon>
beforeAll(async () => {
  conversion = await convertGraphql(spec, description)
})

describe("GitHub's schema", () => {
  it('converts whole: 31 queries and 247 mutations', () => {
    const { operations, tools, skipped } = conversion
    expect(skipped).toEqual([])
    expect([operations, tools.length]).toEqual([278, 278])
    const queries = tools.filter(({ plan }) => plan.kind === 'document' && plan.type === 'query')
    expect(queries.length).toBe(31)
  })

  it('gives each tool a legal name of its own', () => {
    const names = conversion.tools.map(({ definition }) => definition.name)
    expect(new Set(names).size).toBe(names.length)
    for (const name of names) expect(name).toMatch(/^[A-Za-z0-9_-]{1,64}$/)
    expect(names).toContain('create_issue')
  })

  it('asks only for what the schema has, within the bounds', () => {
    const schema = buildSchema(text, { assumeValid: true })
    for (const { operation, plan } of conversion.tools) {
      if (plan.kind === 'free') throw new Error('no document')
      expect(validate(schema, parse(plan.document)), operation).toEqual([])
      const fields = plan.document.split('\n').filter((line) => /^\s*\w/.test(line)).length
      expect(fields, operation).toBeLessThanOrEqual(spec.fields + 20)
    }
  })

  it('makes schemas that compile, with nothing dangling', () => {
    const ajv = new Ajv2020({ strict: false, allErrors: true })
    addFormats.default(ajv)
    for (const { definition } of conversion.tools)
      for (const schema of [definition.inputSchema, definition.outputSchema])
        if (schema !== undefined) expect(typeof ajv.compile({ ...schema })).toBe('function')
    expect(conversion.tools.every(({ definition }) => definition.outputSchema !== undefined)).toBe(
      true,
    )
  })

  it('makes input schemas that the gateway itself can check', () => {
    for (const { operation, definition } of conversion.tools)
      expect(compileSchema(JSON.stringify(definition.inputSchema)).kind, operation).toBe('source')
  })

  it('says what changes data', () => {
    const hints = (operation: string) =>
      conversion.tools.find((tool) => tool.operation === operation)?.definition.annotations
    expect(hints('query repository')).toMatchObject({ readOnlyHint: true })
    expect(hints('mutation createIssue')).toMatchObject({
      readOnlyHint: false,
      destructiveHint: false,
    })
    expect(hints('mutation deleteIssue')).toMatchObject({
      destructiveHint: true,
      idempotentHint: true,
    })
  })

  it('tells what was lost, with a code and a place', () => {
    for (const { code, place, reason } of conversion.notes) {
      expect(['schema_unusable', 'description_invalid']).toContain(code)
      expect(place).toMatch(/^\/specs\/github\.graphql/)
      expect(reason).not.toBe('')
    }
    expect(conversion.notes.map(({ operation }) => operation)).toContain('scalar GitObjectID')
  })

  it('is the same at each conversion', async () => {
    expect(JSON.stringify(await convertGraphql(spec, description))).toBe(JSON.stringify(conversion))
  })

  it('converts at a bounded cost', async () => {
    expect(await costOf(() => convertGraphql(spec, description))).toBeLessThan(1_200)
  })
})
