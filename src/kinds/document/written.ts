/**
 * Numbers and booleans of YAML whose text says more than their value: `1.10`, `007`, `True`. Where a schema says that they
 * are texts they become what was written, and everywhere else what they mean.
 */
import {
  boolCoreTag,
  defineMappingTag,
  defineScalarTag,
  floatCoreTag,
  intCoreTag,
  mapTag,
} from 'js-yaml'
import { isObject, memberOf, setMember } from './json.ts'

class Written {
  readonly value: unknown
  readonly text: string

  constructor(value: unknown, text: string) {
    this.value = value
    this.text = text
  }
}

/** The tags of the core schema, which keep what was written where that is not what the value says. */
export const writtenTags = [intCoreTag, floatCoreTag, boolCoreTag].map((tag) =>
  defineScalarTag<unknown>(tag.tagName, {
    implicit: true,
    implicitFirstChars: tag.implicitFirstChars,
    identify: () => false,
    resolve: (source, isExplicit, name) => {
      const value: unknown = tag.resolve(source, isExplicit, name)
      const isPlain = typeof value === 'symbol' || String(value) === source
      return isPlain ? value : new Written(value, source)
    },
  }),
)

/** Keys are as they were written. */
export const writtenMapTag = defineMappingTag('tag:yaml.org,2002:map', {
  create: mapTag.create,
  identify: mapTag.identify,
  addPair: (map, key, value) => mapTag.addPair(map, key instanceof Written ? key.text : key, value),
  has: (map, key) => mapTag.has(map, key instanceof Written ? key.text : key),
  keys: mapTag.keys,
  get: mapTag.get,
})

/** Members of a schema that hold values of its type. */
const valued = new Set(['enum', 'const', 'default', 'example', 'examples'])

interface Frame {
  readonly holder: object
  /** Whether what is in a list is text. */
  readonly isText: boolean
  /** Where the holder stands: `info`, `variables`, or one of these. */
  readonly role: string
}

/** Decides all of them in what was read. */
export function decideWritten(root: unknown): unknown {
  if (root instanceof Written) return root.value
  const seen = new Set<unknown>()
  const stack: Frame[] = []
  const push = (holder: unknown, isText: boolean, role: string): void => {
    if (typeof holder !== 'object' || holder === null || seen.has(holder)) return
    seen.add(holder)
    stack.push({ holder, isText, role })
  }
  push(root, false, '')
  for (let frame = stack.pop(); frame !== undefined; frame = stack.pop()) {
    const { holder, isText, role } = frame
    if (Array.isArray(holder)) {
      for (const [index, entry] of holder.entries()) {
        if (entry instanceof Written) holder[index] = isText ? entry.text : entry.value
        else push(entry, false, '')
      }
      continue
    }
    const says = takesText(holder) || role === 'variable'
    for (const [key, entry] of Object.entries<unknown>({ ...holder })) {
      const own = (says && valued.has(key)) || (role === 'info' && key === 'version')
      if (entry instanceof Written) setMember(Object(holder), key, own ? entry.text : entry.value)
      else push(entry, own, role === 'variables' ? 'variable' : key)
    }
  }
  return root
}

/** Whether values of a schema are texts, and not numbers or booleans. */
function takesText(schema: object): boolean {
  const type = memberOf(schema, 'type')
  const types: readonly unknown[] = Array.isArray(type) ? type : [type]
  return isObject(schema) && types.includes('string') && !types.some((one) => otherTypes.has(one))
}
const otherTypes: ReadonlySet<unknown> = new Set(['number', 'integer', 'boolean'])
