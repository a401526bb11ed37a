/**
 * Turns a schema into the source of two functions: `check` stops at the first problem and runs on
 * every call, `report` collects the problems of a call that failed. Runs in compile-worker.ts only.
 */

import { _, Ajv, type CodeKeywordDefinition, type KeywordCxt, Name, type Options } from 'ajv'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { Ajv2020 } from 'ajv/dist/2020.js'
import standalone from 'ajv/dist/standalone/index.js'
import { messageOf } from '../kit/thrown.ts'
import { openBudget } from './budget.ts'
import { compilePattern, type LinearPattern, linearPattern } from './pattern.ts'
import {
  costKeyword,
  type Dialect,
  keywordPlace,
  type Reading,
  readSchema,
  referencePlaces,
  SchemaFault,
  type SchemaNode,
  type Skipped,
  sizeKeyword,
} from './schema.ts'
import { makeValidator } from './validator.ts'

const sourceCharsMax = 12_000_000
/** Of a report whose check may stop at the first problem. */
const nestedCharsMax = 200_000

/** What the worker answers: source for validator.ts and what it leaves to the server, or why there is none. */
export type Verdict =
  | {
      readonly kind: 'source'
      readonly check: string
      readonly report: string
      readonly skipped: readonly Skipped[]
    }
  | { readonly kind: 'fault'; readonly fault: string }

/** How often a schema is read again without what could not be read. */
const roundsMax = 16
/** What a check of arguments without members may cost. */
const emptySteps = 1_000_000

const classes = { '2020-12': Ajv2020, '2019-09': Ajv2019, 'draft-07': Ajv }
const runtime = _`require("runtime")`

const options: Options = {
  strict: false,
  logger: false,
  meta: false,
  validateSchema: false,
  // References stay calls: inlining would let source grow with their number.
  inlineRefs: false,
  // `toString` and `constructor` are no members of `{}`.
  ownProperties: true,
  // Plain division makes 0.3 no multiple of 0.1, and 1e21 none of 1.
  multipleOfPrecision: 9,
  messages: false,
}

/** Compiles the raw text of an `inputSchema`, without the keywords that nobody can read. Never throws. */
export function compileSchema(text: string): Verdict {
  try {
    const faults = new Map<string, string>()
    for (let round = 0; round < roundsMax; round++) {
      const reading = readSchema(text, faults)
      const found = unreadable(reading)
      if (found.kind === 'source') return ending(found)
      const fresh = [...found.faults].filter(([place]) => !faults.has(place))
      if (fresh.length === 0) return nothingRead(found.reason)
      for (const [place, reason] of fresh) faults.set(place, reason)
    }
    return nothingRead('too much of it cannot be read')
  } catch (error) {
    return { kind: 'fault', fault: sentence(error) }
  }
}

type Source = Extract<Verdict, { kind: 'source' }>

/** The source of a reading, or the places because of which there is none. */
function unreadable({
  schema,
  dialect,
  skipped,
}: Reading): Source | { kind: 'faults'; faults: ReadonlyMap<string, string>; reason: string } {
  const meta = metaReader(dialect)
  const faults = new Map<string, string>()
  if (meta.validateSchema(schema) !== true) {
    for (const { instancePath, message } of meta.errors ?? []) {
      const place = keywordPlace(schema, instancePath)
      if (place !== undefined && !faults.has(place))
        faults.set(place, `it is not what the keyword takes: ${message ?? 'not valid'}`)
    }
    return { kind: 'faults', faults, reason: meta.errorsText(meta.errors).slice(0, 300) }
  }
  try {
    return { kind: 'source', ...sourcesOf(dialect, schema), skipped }
  } catch (error) {
    if (error instanceof SchemaFault || error instanceof RangeError) throw error
    const reason = sentence(error)
    const reference = missingReference(error)
    if (reference !== undefined)
      for (const place of referencePlaces(schema, reference)) faults.set(place, reason)
    return { kind: 'faults', faults, reason }
  }
}

function sourcesOf(dialect: Dialect, schema: SchemaNode): { check: string; report: string } {
  const report = sourceOf(dialect, schema, { allErrors: true, verbose: true })
  // What stops at the first problem nests an `if` into the next, one for each property: engines read no thousands of them.
  const check = report.length > nestedCharsMax ? report : sourceOf(dialect, schema, {})
  if (report.length > sourceCharsMax) throw new SchemaFault('it is too large to check')
  return { check, report }
}

function nothingRead(reason: string): Verdict {
  return { kind: 'source', ...sourcesOf('2020-12', true), skipped: [{ place: '', reason }] }
}

/** A schema that comes to no end even on arguments without members comes to none on any. @throws SchemaFault */
function ending(source: Source): Source {
  const validator = makeValidator(source)
  openBudget(emptySteps)
  try {
    validator.check({})
    return source
  } catch (error) {
    throw new SchemaFault(
      error instanceof RangeError
        ? 'it refers to itself without end'
        : 'it costs more to check than any call may',
      { cause: error },
    )
  }
}

const metaReaders = new Map<Dialect, Ajv>()
function metaReader(dialect: Dialect): Ajv {
  const known = metaReaders.get(dialect)
  if (known !== undefined) return known
  const made = new classes[dialect]({
    strict: false,
    logger: false,
    validateFormats: false,
    allErrors: true,
  })
  metaReaders.set(dialect, made)
  return made
}

function sourceOf(dialect: Dialect, schema: SchemaNode, more: Options): string {
  const ajv = new classes[dialect]({
    ...options,
    ...more,
    code: { source: true, regExp: patternEngine },
  })
  ajv.removeKeyword('uniqueItems')
  for (const keyword of keywords) ajv.addKeyword(keyword)
  return standalone.default(ajv, ajv.compile(schema))
}

function patternEngine(source: string): LinearPattern {
  compilePattern(source)
  return linearPattern(source)
}
patternEngine.code = 'require("runtime").linearPattern'

/** The two keywords that pay (before everything else of their subschema), and one that ajv does in square time. */
const keywords: CodeKeywordDefinition[] = [
  {
    keyword: costKeyword,
    schemaType: 'number',
    before: '$ref',
    code: (cxt) => void cxt.gen.code(_`${fromRuntime(cxt, 'spend')}(${cxt.schema})`),
  },
  {
    keyword: sizeKeyword,
    schemaType: 'number',
    before: '$ref',
    code: (cxt) => void cxt.gen.code(_`${fromRuntime(cxt, 'spendOn')}(${cxt.data}, ${cxt.schema})`),
  },
  {
    keyword: 'uniqueItems',
    type: 'array',
    schemaType: 'boolean',
    code(cxt) {
      if (cxt.schema === true) cxt.fail(_`!${fromRuntime(cxt, 'allDifferent')}(${cxt.data})`)
    },
  },
]

function fromRuntime(cxt: KeywordCxt, name: 'spend' | 'spendOn' | 'allDifferent') {
  const code = _`${runtime}.${new Name(name)}`
  return cxt.gen.scopeValue('func', { key: name, ref: name, code })
}

function sentence(error: unknown): string {
  if (error instanceof SchemaFault) return error.message
  if (error instanceof RangeError) return 'it is too intricate to check'
  const reference = missingReference(error)
  if (reference !== undefined)
    return `it refers to ${reference}, which is not inside it; references are never fetched`
  return messageOf(error).slice(0, 300)
}

function missingReference(error: unknown): string | undefined {
  return error instanceof Error
    ? /^can't resolve reference (\S+) from id/.exec(error.message)?.[1]
    : undefined
}
