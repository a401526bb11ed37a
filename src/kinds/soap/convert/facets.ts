/** Facets of simple types (XML Schema part 2, section 4.3), as far as JSON Schema can say them. */
import { attributeOf, type XmlElement } from '../../../kit/xml.ts'
import type { Facets, SimpleType } from '../../../model/kinds/soap.ts'

const enumerationMax = 2_000
const patternCharactersMax = 200
const repeatMax = 1_000

/** A simple type with the facets of a restriction. */
export function restricted(base: SimpleType, restriction: XmlElement): SimpleType {
  if (base.kind !== 'union') return { ...base, facets: restrictedFacets(base.facets, restriction) }
  const { enumeration } = restrictedFacets({}, restriction)
  return enumeration === undefined
    ? base
    : { kind: 'atomic', base: 'string', builtin: 'string', facets: { enumeration } }
}

/** The facets of one restriction, over those of its base. */
function restrictedFacets(base: Facets, restriction: XmlElement): Facets {
  const enumeration: string[] = []
  const patterns: string[] = []
  const own: { -readonly [name in keyof Facets]: Facets[name] | undefined } = {}
  for (const facet of restriction.children) {
    const value = attributeOf(facet, 'value')
    if (value === undefined) continue
    if (facet.local === 'enumeration') enumeration.push(value)
    else if (facet.local === 'pattern') patterns.push(value)
    else if (facet.local === 'length') own.lengthMin = own.lengthMax = count(value)
    else if (facet.local === 'minLength') own.lengthMin = count(value)
    else if (facet.local === 'maxLength') own.lengthMax = count(value)
    else if (facet.local === 'minInclusive') own.minimum = bound(value)
    else if (facet.local === 'maxInclusive') own.maximum = bound(value)
    else if (facet.local === 'minExclusive') own.exclusiveMinimum = bound(value)
    else if (facet.local === 'maxExclusive') own.exclusiveMaximum = bound(value)
  }
  const pattern = jsonPattern(patterns)
  // An enumeration or a pattern that cannot be said is left to the service to check.
  const { enumeration: baseEnumeration, pattern: basePattern, ...rest } = base
  const lasting = enumeration.length > 0 ? unique(enumeration) : baseEnumeration
  const kept = pattern ?? (patterns.length > 0 ? undefined : basePattern)
  return {
    ...rest,
    ...Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined)),
    ...(lasting !== undefined && lasting.length <= enumerationMax ? { enumeration: lasting } : {}),
    ...(kept === undefined ? {} : { pattern: kept }),
  }
}

const unique = (values: readonly string[]): string[] => [...new Set(values)]

function count(value: string): number | undefined {
  const number = Number(value)
  return Number.isSafeInteger(number) && number >= 0 ? number : undefined
}

function bound(value: string): number | undefined {
  const number = Number(value)
  return value.trim() !== '' &&
    Number.isFinite(number) &&
    Math.abs(number) <= Number.MAX_SAFE_INTEGER
    ? number
    : undefined
}

/** Alternatives of XML Schema (appendix F) as one ECMAScript pattern; undefined when they mean something else there. */
function jsonPattern(patterns: readonly string[]): string | undefined {
  if (patterns.length === 0) return undefined
  const translated = patterns.map(translate)
  if (translated.some((one) => one === undefined)) return undefined
  const whole = `^(?:${translated.join('|')})$`
  if (whole.length > patternCharactersMax) return undefined
  try {
    // Compiled to see that it is one, and never run here.
    new RegExp(whole, 'u')
    return whole
  } catch {
    return undefined
  }
}

function translate(pattern: string): string | undefined {
  // Name characters, blocks, class subtraction and groups with a question mark differ between the two dialects.
  if (/\\[icICpP]|\(\?|&&/.test(pattern)) return undefined
  for (const [, from, to] of pattern.matchAll(/\{(\d+)(?:,(\d*))?\}/g))
    if (Number(from) > repeatMax || Number(to ?? 0) > repeatMax) return undefined
  let inClass = false
  let nested = false
  const translation = pattern.replaceAll(/\\.|[[\]^$]/gs, (token) => {
    if (token === '[' && inClass) nested = true
    if (token === '\\-') return inClass ? token : '-'
    if (token === '[') inClass = true
    if (token === ']') inClass = false
    // Both are plain characters of XML Schema outside of a class.
    return (token === '^' || token === '$') && !inClass ? `\\${token}` : token
  })
  return nested ? undefined : translation
}
