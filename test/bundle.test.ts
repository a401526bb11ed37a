/**
 * What esbuild makes of `await import('a CommonJS package')`: a chunk whose only export is `default`. By name there is
 * nothing to be had of it, though sources and types say otherwise; so whoever loads such a chunk must take its default.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { apiKinds } from '../src/model/kinds/all.ts'
import { builtProgram } from './built.ts'
import { digList } from './e2e/json.ts'

const folder = dirname(builtProgram)

interface Load {
  readonly chunk: string
  /** The code in front of and behind the import, which says what is taken. */
  readonly code: string
}

/** Every import at run time in a file of the bundle. */
function loadsOf(text: string): Load[] {
  return [...text.matchAll(/\bimport\("\.\/(chunk-[^"]+\.mjs)"\)/g)].map((match) => ({
    chunk: match[1] ?? '',
    code: text.slice(Math.max(0, match.index - 120), match.index + match[0].length + 60),
  }))
}

function takesDefault({ chunk, code }: Load): boolean {
  const load = `import\\("\\./${chunk.replaceAll('.', '\\.')}"\\)`
  return new RegExp(`\\{ default: \\w+ \\} = await ${load}|\\(await ${load}\\)\\.default\\b`).test(
    code,
  )
}

test('a CommonJS package that is loaded at run time is taken by its default export', () => {
  const files = readdirSync(folder).filter((name) => name.endsWith('.mjs'))
  const texts = new Map(files.map((name) => [name, readFileSync(join(folder, name), 'utf8')]))
  const loads = [...texts.values()].flatMap(loadsOf)
  const commonJs = loads.filter(({ chunk }) => {
    const text = texts.get(chunk) ?? ''
    return /^export default /m.test(text) && !/^export \{/m.test(text)
  })
  expect(loads.length).toBeGreaterThan(15)
  expect(commonJs.length).toBeGreaterThan(0)
  expect(commonJs.filter((load) => !takesDefault(load)).map(({ code }) => code)).toEqual([])
  // A package that is not in the bundle at all would be looked for where users have none.
  const elsewhere = [...texts].flatMap(([name, text]) =>
    [...text.matchAll(/\bimport\("(?![./])(?!node:)([^"]+)"\)/g)].map(
      (match) => `${name}: ${match[1]}`,
    ),
  )
  expect(elsewhere).toEqual([])
})

/** Files of ours in a file of the bundle and in all that it loads, at once or later. */
function partsOf(entry: string): ReadonlySet<string> {
  const [todo, seen, parts] = [[entry], new Set<string>(), new Set<string>()]
  for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
    if (seen.has(name)) continue
    seen.add(name)
    const map: unknown = JSON.parse(readFileSync(join(folder, `${name}.map`), 'utf8'))
    for (const source of digList(map, 'sources'))
      if (typeof source === 'string' && source.startsWith('../src/')) parts.add(source.slice(3))
    for (const [, chunk = ''] of readFileSync(join(folder, name), 'utf8').matchAll(
      /(?:\bfrom|\bimport|\bimport\()\s*"\.\/([^"]+\.mjs)"/g,
    ))
      todo.push(chunk)
  }
  return parts
}

test('what converts loads nothing that calls', () => {
  const parts = [...partsOf('convert-worker.mjs')]
  for (const kind of apiKinds) expect(parts).toContain(`src/kinds/${kind}/convert/convert.ts`)
  expect(
    parts.filter((part) => /\/execute\/|^src\/(kinds\/api|egress|mcp|process)\//.test(part)),
  ).toEqual([])
})
