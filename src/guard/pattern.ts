/** Patterns of schemas, matched in linear time: a schema's author must not be able to stop the gateway. */
import { RE2JS } from 're2js'
import { hasNamedBackReference } from '../kit/back-reference.ts'
import { Lru } from '../kit/lru.ts'
import { spend } from './budget.ts'

const instructionsMax = 2_000
const compileSteps = 20_000
/** RE2JS keeps up to 8 MB of automaton a pattern, about eight bytes a step; over this sum, the oldest goes. */
const automatonBytesMax = 64_000_000
const bytesPerStep = 8

interface Automaton {
  readonly regex: RE2JS
  readonly size: number
  steps: number
  /** Steps at which its weight is written down next. */
  weighAt: number
}

const automata = new Lru<string, Automaton>({ countMax: 2_000, weightMax: automatonBytesMax })

export interface LinearPattern {
  test(text: string): boolean
  toString(): string
}

/** Throws when the pattern cannot be matched in linear time (look-around, back-references) or is too large. */
export function compilePattern(source: string): RE2JS {
  if (hasNamedBackReference(source)) throw new Error('back-references are not supported')
  const regex = RE2JS.compile(RE2JS.translateRegExp(withUnicodeSpace(source)))
  if (regex.programSize() > instructionsMax) throw new Error('the pattern is too large')
  return regex
}

/** The pattern as compiled checks use it: built on first use, shared by all schemas that have it. */
export function linearPattern(source: string): LinearPattern {
  return {
    test(text) {
      let automaton = automata.peek(source)
      if (automaton === undefined) {
        spend(compileSteps)
        const regex = compilePattern(source)
        automaton = { regex, size: regex.programSize(), steps: 0, weighAt: 0 }
      }
      const steps = 16 + text.length * automaton.size
      spend(steps)
      automaton.steps += steps
      if (automaton.steps >= automaton.weighAt) {
        automaton.weighAt = automaton.steps * 2
        automata.set(source, automaton, Math.min(automaton.steps * bytesPerStep, 8_000_000))
      }
      return automaton.regex.test(text)
    },
    toString: () => source,
  }
}

/** `\s` of ECMAScript knows the spaces of Unicode, that of RE2 does not. */
function withUnicodeSpace(source: string): string {
  let inClass = false
  return source.replaceAll(/\\.|[[\]]/gsu, (token) => {
    if (token === '[') inClass = true
    if (token === ']') inClass = false
    if (token === '\\s') return inClass ? spaces : `[${spaces}]`
    return token === '\\S' && !inClass ? `[^${spaces}]` : token
  })
}
const spaces = '\\s\\v\\p{Z}\\x{feff}'
