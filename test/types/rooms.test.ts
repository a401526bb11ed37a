/**
 * Typed rooms, shown: every line of `cases/` under a `@ts-expect-error` must fail to compile, with the words that
 * stand behind the directive; a file without one must compile.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
const folder = fileURLToPath(new URL('./cases/', import.meta.url))
const directive = /^\/\/ @ts-expect-error (.+)$/

interface Failure {
  readonly line: number
  readonly words: string
}

const names = readdirSync(folder).sort()
const found = diagnose(names.map((name) => folder + name))

/** Compiles the files with their directives made harmless, and answers what the compiler says of each. */
function diagnose(files: readonly string[]): ReadonlyMap<string, readonly Failure[]> {
  const read = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(read.config, ts.sys, root)
  const host = ts.createCompilerHost(options)
  const text = host.readFile.bind(host)
  host.readFile = (file) =>
    files.includes(file) ? text(file)?.replaceAll('@ts-expect-error', 'expected:') : text(file)
  const program = ts.createProgram([...files], options, host)
  return new Map(
    files.map((file) => {
      const source = program.getSourceFile(file)
      const failures = ts.getPreEmitDiagnostics(program, source).map((diagnostic) => ({
        line: source?.getLineAndCharacterOfPosition(diagnostic.start ?? 0).line ?? 0,
        words: ts.flattenDiagnosticMessageText(diagnostic.messageText, ' '),
      }))
      return [file, failures]
    }),
  )
}

/** What a file says must fail: the line behind each directive. */
function expected(file: string): Failure[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((text, line) => {
      const words = directive.exec(text)?.[1]
      return words === undefined ? [] : [{ line: line + 1, words }]
    })
}

describe.each(names)('%s', (name) => {
  const file = folder + name
  const failures = found.get(file) ?? []

  it('fails exactly where it says', () => {
    expect(failures.map(({ line }) => line)).toEqual(expected(file).map(({ line }) => line))
  })

  it('fails for the reason that it names', () => {
    for (const [index, { words }] of expected(file).entries())
      expect(failures[index]?.words).toContain(words)
  })
})

it('has cases that must fail and one that must compile', () => {
  const failing = names.filter((name) => expected(folder + name).length > 0)
  expect(failing.length).toBeGreaterThan(3)
  expect(names.filter((name) => !failing.includes(name))).toEqual(['in-order.ts'])
})
