/**
 * Turns a schema into the source of two functions: `check` stops at the first problem and runs on
 * every call, `report` collects the problems of a call that failed. Runs in compile-worker.ts only.
 */
import { _, Ajv, type CodeKeywordDefinition, type KeywordCxt, Name, type Options } from 'ajv'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { Ajv2020 } from 'ajv/dist/2020.js'
import standalone from 'ajv/dist/standalone/index.js'
import { formats } from './formats.ts'
import { compilePattern, type LinearPattern, linearPattern } from './pattern.ts'
import {
  costKeyword,
  type Dialect,
  readSchema,
  SchemaFault,
  type SchemaNode,
  sizeKeyword,
} from './schema.ts'

const sourceCharsMax = 2_000_000

/** What the worker answers: source for validator.ts, or why there is none. */
export type Verdict =
  | { readonly kind: 'source'; readonly check: string; readonly report: string }
  | { readonly kind: 'fault'; readonly fault: string }

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

/** Compiles the raw text of an `inputSchema`. Never throws. */
export function compileSchema(text: string): Verdict {
  try {
    const { schema, dialects } = readSchema(text)
    const [first, ...others] = dialects
    try {
      return compileAs(first, schema)
    } catch (error) {
      for (const dialect of others) {
        try {
          return compileAs(dialect, schema)
        } catch {
          // The fault under the dialect of today says more.
        }
      }
      throw error
    }
  } catch (error) {
    return { kind: 'fault', fault: sentence(error) }
  }
}

function compileAs(dialect: Dialect, schema: SchemaNode): Verdict {
  const readers = metaReader(dialect)
  if (readers.validateSchema(schema) !== true)
    throw new SchemaFault(`it is not a valid schema: ${readers.errorsText(readers.errors)}`)
  const check = sourceOf(dialect, schema, {})
  const report = sourceOf(dialect, schema, { allErrors: true, verbose: true })
  if (check.length + report.length > sourceCharsMax)
    throw new SchemaFault('it is too large to check')
  return { kind: 'source', check, report }
}

const metaReaders = new Map<Dialect, Ajv>()
function metaReader(dialect: Dialect): Ajv {
  const known = metaReaders.get(dialect)
  if (known !== undefined) return known
  const made = new classes[dialect]({ strict: false, logger: false, validateFormats: false })
  metaReaders.set(dialect, made)
  return made
}

function sourceOf(dialect: Dialect, schema: SchemaNode, more: Options): string {
  const ajv = new classes[dialect]({
    ...options,
    ...more,
    code: { source: true, regExp: patternEngine, formats: _`${runtime}.formats` },
  })
  for (const [name, format] of Object.entries(formats)) ajv.addFormat(name, format)
  ajv.removeKeyword('uniqueItems')
  for (const keyword of keywords) ajv.addKeyword(keyword)
  return standalone.default(ajv, ajv.compile(schema))
}

function patternEngine(source: string): LinearPattern {
  try {
    compilePattern(source)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new SchemaFault(
      `its pattern ${JSON.stringify(source).slice(0, 200)} cannot be used: ${why}`,
      { cause: error },
    )
  }
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
  const text = error instanceof Error ? error.message : String(error)
  const missing = /^can't resolve reference (\S+)/.exec(text)
  if (missing !== null)
    return `it refers to ${missing[1]}, which is not inside it; references are never fetched`
  return text.slice(0, 300)
}
