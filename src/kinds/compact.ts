/**
 * Keeps what a tool shows within what a model can read beside its other tools. A schema is cut by taking constraints
 * away and never by adding one: what the whole schema takes, the shown one takes, too. JSON Schema 2020-12 judges a
 * keyword by what stands beside it, so those whose verdict could turn when something inside them is taken away go first.
 */
import type { JsonSchema, ToolDefinition } from '../model/conversion.ts'
import { isSchema, mapParts } from './schema-map.ts'
import { shorten } from './text.ts'

/** Of an output schema that is shown whole. */
const outputBytesMax = 2_048
/** Of a whole tool: about 4,000 tokens. */
const toolBytesMax = 16_384
/** Of all tools of a server together, so that a very large description still becomes tools; and what each keeps. */
const allBytesMax = 80_000_000
const toolBytesMin = 2_500
/** Of whole schemas that judge where less is shown; beyond it what is shown judges, and then the API. */
const judgedBytesMax = 40_000_000
/** What the check of arguments surely takes of one schema: its own bounds are on what it compiles (`src/guard/`). */
const checkedBytesMax = 150_000
const checkedPartsMax = 1_500
/** Words stay longer near the top, where a caller decides. */
const wordsMax = [600, 200, 80] as const
/** How much of a schema its words may be; of a larger one less than all is shown in any case. */
const wordsShare = 10
/** Levels of members that are tried, one after the other. */
const depths = [6, 4, 3, 2, 1] as const

/** What says nothing of validity. */
const silent: ReadonlySet<string> = new Set([
  ...['title', 'description', 'examples', 'default', 'deprecated', 'readOnly', 'writeOnly'],
  ...['$comment', 'contentSchema'],
])
/** What may be long, and is left out where it is. */
const long: ReadonlySet<string> = new Set(['enum', 'const', 'pattern', 'default', 'contentSchema'])
/** What can turn to a refusal when another part is taken away. */
const turning: ReadonlySet<string> = new Set([
  ...['not', 'if', 'then', 'else', 'contains', 'minContains', 'maxContains', 'propertyNames'],
  ...['dependentSchemas', 'unevaluatedProperties', 'unevaluatedItems', '$dynamicRef'],
])
/** Of values, patterns and defaults inside what is cut; of a longer enumeration some values are examples. */
const valuesBytesMax = 600
const examplesMax = 5
const exampleBytesMax = 100
/** `"$defs":{},` and `"properties":{},"required":[],`. */
const definitionsBytes = 11
const narrowedBytes = 29
const roundBytes = 128
const cutNote = 'Not shown in full.'
/** Whether descriptions stay. */
type Words = 'kept' | 'none'

/** What judges the same value, and not a part of it. */
const inPlace: ReadonlySet<string> = new Set(['allOf', 'anyOf'])

interface Room {
  readonly bytesMax: number
  readonly words: Words
  /** By name; a schema that takes anything where there is none. */
  readonly definitions: (name: string) => JsonSchema
  /** What was shown of the same definitions before. */
  readonly chosen: Map<string, JsonSchema | undefined>
}

/** What a schema says of an object, with all that judges the same value. */
interface Merged {
  readonly type: unknown
  readonly properties: JsonSchema
  readonly required: ReadonlySet<unknown>
}

export interface Compacted {
  readonly definition: ToolDefinition
  /** By which arguments are judged, where the shown one is not the whole. */
  readonly judged: JsonSchema | undefined
}

/** Makes the definitions of one conversion fit, whose schemas share parts. */
export class Compactor {
  private readonly sizes = new WeakMap<object, number>()
  private readonly references = new WeakMap<JsonSchema, ReadonlySet<string>>()
  private readonly parts = new WeakMap<JsonSchema, number>()
  private readonly toolMax: number
  private readonly outputMax: number
  private readonly chosen = new WeakMap<JsonSchema, Room['chosen']>()
  private judgedRoom = judgedBytesMax
  /** What was made of schemas that tools share, by what was done to them. */
  private readonly made = new Map<string, WeakMap<JsonSchema, JsonSchema>>()

  /** `tools`: how many there are. */
  constructor(tools: number) {
    const each = Math.floor(allBytesMax / Math.max(1, tools))
    this.toolMax = Math.min(toolBytesMax, Math.max(toolBytesMin, each))
    this.outputMax = Math.min(outputBytesMax, Math.floor(this.toolMax / 3))
  }

  compact(definition: ToolDefinition): Compacted {
    const { inputSchema, outputSchema, ...rest } = definition
    const output = outputSchema === undefined ? undefined : this.output(outputSchema)
    const others = this.sizeOf(rest) + (output === undefined ? 0 : this.sizeOf(output)) + 40
    const input = this.input(inputSchema, Math.max(this.outputMax, this.toolMax - others))
    return {
      definition: {
        ...definition,
        inputSchema: input.schema,
        ...(output === undefined ? {} : { outputSchema: output }),
      },
      judged: input.judged,
    }
  }

  private output(schema: JsonSchema): JsonSchema {
    const size = this.sizeOf(schema)
    if (size <= this.outputMax) return schema
    const bare = size > this.outputMax * wordsShare ? undefined : this.withoutWords(schema)
    if (bare !== undefined && this.sizeOf(bare) <= this.outputMax) return bare
    const note = 'Summarised; "schemas: full" of the server shows the whole.'
    return { description: note, ...this.cut(schema, this.outputMax - note.length - 20, 'none') }
  }

  private input(
    schema: JsonSchema,
    max: number,
  ): { readonly schema: JsonSchema; readonly judged: JsonSchema | undefined } {
    const size = this.sizeOf(schema)
    if (size <= max) return { schema, judged: undefined }
    // Shorter words judge the same.
    const short = size > max * wordsShare ? undefined : this.shortened(schema, 0)
    if (short !== undefined && this.sizeOf(short) <= max)
      return { schema: short, judged: undefined }
    const isJudged =
      size <= Math.min(this.judgedRoom, checkedBytesMax) && this.partsOf(schema) <= checkedPartsMax
    if (isJudged) this.judgedRoom -= size
    const note = isJudged
      ? 'Some members are not shown in full; all arguments are judged by the whole schema.'
      : 'Some members are not shown in full.'
    const own = schema['description']
    const description = typeof own === 'string' ? `${shorten(own, wordsMax[0])} ${note}` : note
    return {
      schema: { ...this.cut(schema, max - textBytes(description) - 20, 'kept'), description },
      judged: isJudged ? schema : undefined,
    }
  }

  /** As many levels of a schema as fit, and of what it points at, the nearest first. */
  private cut(schema: JsonSchema, bytesMax: number, words: Words): JsonSchema {
    const { $defs, ...whole } = schema
    const given = isSchema($defs) ? $defs : {}
    const chosen = this.chosen.get(given) ?? new Map()
    this.chosen.set(given, chosen)
    const room: Room = {
      chosen,
      bytesMax,
      words,
      definitions: (name) => this.definition(given, name, words),
    }
    const root = this.plain(whole, words)
    for (const depth of depths) {
      const top = this.level(root, depth, words)
      if (this.sizeOf(top) > bytesMax * 0.75 && depth > 1) continue
      const filled = this.filled(top, room)
      if (filled !== undefined) return filled
    }
    return this.narrowed(root, room)
  }

  private definition(definitions: JsonSchema, name: string, words: Words): JsonSchema {
    const given = Object.hasOwn(definitions, name) ? definitions[name] : undefined
    return isSchema(given) ? this.plain(given, words) : {}
  }

  /** With the definitions that it points at; undefined where not even what stands for them finds room. */
  private filled(top: JsonSchema, room: Room): JsonSchema | undefined {
    const names = [...this.referencesOf(top)]
    if (names.length === 0) return this.sizeOf(top) <= room.bytesMax ? top : undefined
    // Rounded, so that tools about the same thing share what is shown of it.
    const free = room.bytesMax - this.sizeOf(top) - definitionsBytes
    const left = Math.floor(free / roundBytes) * roundBytes
    const key = `${left} ${room.words} ${names.join(' ')}`
    if (!room.chosen.has(key)) room.chosen.set(key, this.choose(names, left, room))
    const $defs = room.chosen.get(key)
    return $defs === undefined ? undefined : { ...top, $defs }
  }

  /** What is shown of definitions and of those that they point at, the nearest first. */
  private choose(names: readonly string[], free: number, room: Room): JsonSchema | undefined {
    const { words, definitions } = room
    const shown = new Map<string, JsonSchema>()
    const stubFor = (name: string): JsonSchema =>
      this.once(`stub ${words}`, definitions(name), () => stubOf(definitions(name), words))
    const stubsBytes = (of: readonly string[]): number =>
      of.reduce((sum, name) => sum + memberBytes(name) + this.sizeOf(stubFor(name)), 0)
    const unseenIn = (part: JsonSchema): readonly string[] =>
      [...this.referencesOf(part)].filter((name) => !shown.has(name))
    // What stands for a definition finds room before more is said of another.
    const bytesOf = (part: JsonSchema): number => this.sizeOf(part) + stubsBytes(unseenIn(part))
    let left = free - stubsBytes(names)
    if (left < 0) return undefined
    for (const name of names) shown.set(name, stubFor(name))
    for (let level = names; level.length > 0; ) {
      const next: string[] = []
      for (const [at, name] of level.entries()) {
        const whole = definitions(name)
        const stubBytes = this.sizeOf(stubFor(name))
        const bytesMax = stubBytes + left / (level.length - at)
        const part =
          depths
            .map((depth) => this.level(whole, depth, words))
            .find((one) => bytesOf(one) <= bytesMax) ?? this.narrowed(whole, { ...room, bytesMax })
        if (bytesOf(part) > bytesMax) continue
        left -= bytesOf(part) - stubBytes
        shown.set(name, part)
        for (const inner of unseenIn(part)) {
          shown.set(inner, stubFor(inner))
          next.push(inner)
        }
      }
      level = next
    }
    return Object.fromEntries([...shown].sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  /** Where not all members fit: as many as do, the required ones first. Others are taken all the same. */
  private narrowed(schema: JsonSchema, room: Room): JsonSchema {
    const { type, properties, required } = this.merged(schema, room, new Set())
    const head = stubOf({ ...schema, ...(type === undefined ? {} : { type }) }, room.words)
    const names = Object.keys(properties)
    if (names.length === 0) return head
    const order = [...names.filter((name) => required.has(name)), ...names]
    const show = (words: Words): ReadonlyMap<string, JsonSchema> => {
      const shown = new Map<string, JsonSchema>()
      let left = room.bytesMax - this.sizeOf(head) - narrowedBytes
      for (const name of order) {
        const given = properties[name]
        const whole = isSchema(given) ? given : {}
        const part = this.once(`brief ${words}`, whole, () => this.brief(whole, words))
        const bytes = this.sizeOf(part) + memberBytes(name) * (required.has(name) ? 2 : 1)
        if (bytes > left || shown.has(name)) continue
        left -= bytes
        shown.set(name, part)
      }
      return shown
    }
    const told = show(room.words)
    // Names say more than words.
    const shown = told.size < names.length && room.words === 'kept' ? show('none') : told
    const isShown = (name: unknown): name is string => typeof name === 'string' && shown.has(name)
    return {
      ...head,
      // `fromEntries` defines: a member may be called __proto__.
      properties: Object.fromEntries(names.filter(isShown).map((name) => [name, shown.get(name)])),
      ...(required.size === 0 ? {} : { required: [...required].filter(isShown) }),
    }
  }

  /** A member without what is inside it. */
  private brief(schema: JsonSchema, words: Words): JsonSchema {
    if (!isLeaf(schema) || schema['$ref'] !== undefined) return stubOf(schema, words)
    const leaf = this.level(schema, 1, words)
    return words === 'none' ? this.withoutWords(leaf) : leaf
  }

  /** What a schema says of the members of an object, with what it is made of. */
  private merged(schema: JsonSchema, room: Room, seen: Set<JsonSchema>): Merged {
    seen.add(schema)
    const { allOf, $ref, properties, required, type } = schema
    const name = nameOf($ref)
    const inner = [
      ...(name === undefined ? [] : [room.definitions(name)]),
      ...(Array.isArray(allOf) ? allOf.filter(isSchema) : []),
    ]
    const parts = inner
      .filter((part) => !seen.has(part))
      .map((part) => this.merged(part, room, seen))
    return {
      type: type ?? parts.find((part) => part.type !== undefined)?.type,
      properties: Object.fromEntries(
        [...parts.map((part) => part.properties), isSchema(properties) ? properties : {}].flatMap(
          (one) => Object.entries(one),
        ),
      ),
      required: new Set([
        ...parts.flatMap((part) => [...part.required]),
        ...(Array.isArray(required) ? required : []),
      ]),
    }
  }

  /** A schema with its members to a depth. */
  private level(schema: JsonSchema, depth: number, words: Words): JsonSchema {
    return this.once(`level ${depth} ${words}`, schema, () =>
      mapParts(this.loosened(schema, words), (part, keyword) => {
        if (inPlace.has(keyword)) return this.level(part, depth, words)
        if (depth <= 1 && !isLeaf(part)) return stubOf(part, words)
        // Elements are half a level: what a list holds is of interest.
        return this.level(part, keyword === 'items' ? depth - 0.5 : depth - 1, words)
      }),
    )
  }

  /** Without what must not stand beside something that is cut, and without what is long. */
  private loosened(schema: JsonSchema, words: Words): JsonSchema {
    const kept = Object.entries(schema).filter(
      ([key, value]) =>
        !turning.has(key) && !(long.has(key) && this.sizeOf(value) > valuesBytesMax),
    )
    const { oneOf, anyOf, $ref, ...rest } = Object.fromEntries(kept)
    // Of alternatives that are cut several may fit.
    const either = anyOf ?? oneOf
    const { enum: values } = schema
    return {
      ...rest,
      ...(words === 'kept' && Array.isArray(values) && rest['enum'] === undefined
        ? {
            examples: values
              .filter((one) => this.sizeOf(one) <= exampleBytesMax)
              .slice(0, examplesMax),
          }
        : {}),
      ...(either === undefined ? {} : { anyOf: either }),
      ...(nameOf($ref) === undefined ? {} : { $ref }),
    }
  }

  private plain(schema: JsonSchema, words: Words): JsonSchema {
    return words === 'none' ? this.withoutWords(schema) : this.shortened(schema, 0)
  }

  private withoutWords(schema: JsonSchema): JsonSchema {
    return this.once('bare', schema, () => {
      const bare = Object.fromEntries(Object.entries(schema).filter(([key]) => !silent.has(key)))
      return mapParts(bare, (part) => this.withoutWords(part))
    })
  }

  private shortened(schema: JsonSchema, depth: number): JsonSchema {
    const last = wordsMax.length - 1
    return this.once(`short ${Math.min(depth, last)}`, schema, () => {
      const max = wordsMax[Math.min(depth, last)] ?? 0
      const { examples: _, title, description, ...rest } = schema
      const about = typeof description === 'string' ? shorten(description, max) : undefined
      const short = {
        ...rest,
        ...(depth < last && title !== undefined ? { title } : {}),
        ...(about === undefined ? {} : { description: about }),
      }
      return mapParts(short, (part) => this.shortened(part, depth + 1))
    })
  }

  private once(what: string, schema: JsonSchema, make: () => JsonSchema): JsonSchema {
    let made = this.made.get(what)
    if (made === undefined) {
      made = new WeakMap()
      this.made.set(what, made)
    }
    let result = made.get(schema)
    if (result === undefined) {
      result = make()
      made.set(schema, result)
    }
    return result
  }

  /** Names of definitions that are pointed at. */
  private referencesOf(schema: JsonSchema): ReadonlySet<string> {
    const known = this.references.get(schema)
    if (known !== undefined) return known
    const found = new Set<string>()
    const name = nameOf(schema['$ref'])
    if (name !== undefined) found.add(name)
    mapParts(schema, (part) => {
      for (const inner of this.referencesOf(part)) found.add(inner)
      return part
    })
    this.references.set(schema, found)
    return found
  }

  private partsOf(schema: JsonSchema): number {
    let parts = this.parts.get(schema)
    if (parts === undefined) {
      let count = 1
      mapParts(schema, (part) => {
        count += this.partsOf(part)
        return part
      })
      parts = count
      this.parts.set(schema, parts)
    }
    return parts
  }

  /** How many bytes of JSON a value takes; what many tools share is measured once. */
  private sizeOf(value: unknown): number {
    if (typeof value === 'string') return textBytes(value)
    if (typeof value !== 'object' || value === null) return String(value).length
    const known = this.sizes.get(value)
    if (known !== undefined) return known
    let size = 1
    if (Array.isArray(value)) for (const one of value) size += this.sizeOf(one) + 1
    else
      for (const [key, one] of Object.entries(value))
        if (one !== undefined) size += memberBytes(key) + this.sizeOf(one)
    size = Math.max(2, size)
    this.sizes.set(value, size)
    return size
  }
}

function textBytes(text: string): number {
  return /^[ !#-[\]-~]*$/.test(text) ? text.length + 2 : Buffer.byteLength(JSON.stringify(text))
}

/** Of the name of a member, with the colon and the comma. */
function memberBytes(name: string): number {
  return textBytes(name) + 2
}

/** Nothing inside that could be cut, and nothing that points elsewhere. */
function isLeaf(schema: JsonSchema): boolean {
  let inner = false
  mapParts(schema, (part) => {
    inner = true
    return part
  })
  return !inner
}

/** Takes whatever the schema takes. */
function stubOf(schema: JsonSchema, words: Words): JsonSchema {
  const { type, description } = schema
  const told = typeof description === 'string' ? `${description} ${cutNote}` : cutNote
  return {
    ...(type === undefined ? {} : { type }),
    ...(words === 'none' ? {} : { description: told }),
  }
}

/** The definition that a reference means; undefined for references of another form. */
function nameOf(reference: unknown): string | undefined {
  return typeof reference === 'string' ? /^#\/\$defs\/([^/%~]+)$/.exec(reference)?.[1] : undefined
}
