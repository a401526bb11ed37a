/**
 * Definitions that several tools share. Each target of a reference is converted once per direction; a tool gets those
 * that it reaches as `$defs`, nearest first, up to a size. Shared objects stay shared when a conversion is copied
 * between threads.
 */
import { hash } from 'node:crypto'
import type { JsonSchema } from '../../model/conversion.ts'
import { plainLine } from '../text.ts'
import type { Dialect } from './dialect.ts'
import type { Documents } from './documents.ts'
import { Forms } from './forms.ts'
import type { Direction } from './hidden.ts'
import { isObject, type JsonDraft, memberOf, setMember, textAt } from './json.ts'
import { readTypes } from './keywords.ts'
import { type Place, pointerOf, type Spot } from './place.ts'
import type { Reporter } from './report.ts'
import { convertSchema, type Reference, type SchemaTools, type Scope, scopeOf } from './schema.ts'

/** What the schema of a tool may take. Arguments are checked, and what is checked may have 256 KB. */
const bytesMax = { input: 100_000, output: 48_000 } as const
const definitionsMax = 300
/** To what the size of what a tool says itself is rounded, so that tools about the same thing share its definitions. */
const roundBytes = 4_000
/** How many references lie between the tool and what it still describes. */
const distanceMax = 40
/** Same-value references in a row: validators recurse once for each. */
const chainMax = 30

interface Definition {
  readonly target: Spot
  readonly direction: Direction
  readonly asBase: boolean
  schema: JsonDraft | undefined
  references: readonly Reference[]
  bytes: number
  /** Stands for it where it does not fit. */
  stub: JsonSchema | undefined
}

/** Definitions of one or more tools. */
interface Reached {
  readonly $defs: JsonSchema
  readonly cut: number
}

export interface Assembled {
  readonly schema: JsonSchema
  /** How many definitions were cut to a stub. */
  readonly cut: number
}

export class Schemas {
  readonly tools: SchemaTools
  private readonly definitions = new Map<string, Definition>()
  private readonly names = new Map<string, string>()
  private readonly straight = new Set<Definition>()
  /** Many operations are about the same thing, and share what is said of it. */
  private readonly reached = new Map<string, Reached>()
  private readonly reporter: Reporter
  private readonly root: string

  constructor(documents: Documents, dialect: Dialect, reporter: Reporter) {
    this.reporter = reporter
    this.root = documents.root.at.document
    this.tools = {
      documents,
      dialect,
      reporter,
      forms: new Forms(documents, dialect),
      define: (target, scope) => this.define(target, scope),
    }
  }

  /** A schema where it stands; its references are added to `references`. */
  convert(spot: Spot, direction: Direction, references: Reference[]): JsonSchema {
    return convertSchema(spot, { ...scopeOf(direction), references }, this.tools)
  }

  /**
   * `root` with the definitions that it reaches. What does not fit is left open: a stub takes any value, so that
   * nothing is refused for being too long to describe.
   */
  assemble(root: JsonDraft, references: readonly Reference[], direction: Direction): Assembled {
    if (references.length === 0) return { schema: root, cut: 0 }
    const names = references.map(({ name }) => name)
    const room = bytesMax[direction] - Math.ceil(byteLength(root) / roundBytes) * roundBytes
    const key = `${direction} ${room} ${names.join(' ')}`
    let reached = this.reached.get(key)
    if (reached === undefined) {
      reached = this.reach(names, room, direction)
      this.reached.set(key, reached)
    }
    return { schema: { ...root, $defs: reached.$defs }, cut: reached.cut }
  }

  /** The definitions that names lead to. */
  private reach(names: readonly string[], room: number, direction: Direction): Reached {
    let bytes = 0
    const included = new Map<string, JsonSchema>()
    let cut = 0
    let level = names
    for (let distance = 0; level.length > 0; distance++) {
      const next: string[] = []
      for (const name of level) {
        if (included.has(name)) continue
        const definition = this.converted(name, direction)
        const fits =
          bytes + definition.bytes <= room &&
          included.size < definitionsMax &&
          distance < distanceMax
        if (fits) {
          included.set(name, definition.schema ?? {})
          bytes += definition.bytes + name.length + 6
          for (const reference of definition.references) next.push(reference.name)
        } else {
          cut++
          definition.stub ??= stubOf(definition)
          included.set(name, definition.stub)
          bytes += 80
        }
      }
      level = next
    }
    const $defs: JsonDraft = {}
    for (const name of [...included.keys()].sort()) setMember($defs, name, included.get(name))
    return { $defs, cut }
  }

  private define(target: Spot, { direction, asBase }: Pick<Scope, 'direction' | 'asBase'>): string {
    const plain = this.nameOf(target.at)
    // Names of components have no such ending but by intent.
    const name = asBase ? `${plain}_base_${hash('sha256', plain, 'hex').slice(0, 8)}` : plain
    const key = `${direction} ${name}`
    if (!this.definitions.has(key))
      this.definitions.set(key, {
        ...{ target, direction, asBase },
        ...{ schema: undefined, references: [], bytes: 0, stub: undefined },
      })
    return name
  }

  /**
   * The last part of the pointer. Only the places for schemas in the description itself give it plain, so that no
   * name depends on which other schemas are used.
   */
  private nameOf(at: Place): string {
    const pointer = pointerOf(at)
    const key = `${at.document}${pointer}`
    const known = this.names.get(key)
    if (known !== undefined) return known
    const parent = at.parent
    const isHome =
      at.document === this.root &&
      ((parent?.key === 'schemas' && parent.parent?.key === 'components') ||
        (parent?.key === 'definitions' && parent.parent?.parent === undefined))
    const plain = at.key.replaceAll(/[^A-Za-z0-9_.-]+/g, '_').slice(0, 80)
    const exact = isHome && plain === at.key && plain !== '__proto__'
    const digest = hash('sha256', at.document === this.root ? pointer : key, 'hex').slice(0, 8)
    const name = exact
      ? plain
      : `${plain === '' || plain === '__proto__' ? 'schema' : plain}_${digest}`
    this.names.set(key, name)
    return name
  }

  private converted(name: string, direction: Direction): Definition {
    const definition = this.definitions.get(`${direction} ${name}`)
    if (definition === undefined) throw new Error(`definition ${name} was never named`)
    if (definition.schema === undefined) this.fill(definition)
    this.straighten(definition, [])
    return definition
  }

  private fill(definition: Definition): void {
    const references: Reference[] = []
    const { target, direction, asBase } = definition
    const schema = convertSchema(target, { ...scopeOf(direction), references, asBase }, this.tools)
    definition.schema = { ...schema }
    // The copy takes the place of the holder, or a circle could not be broken in it.
    definition.references = references.map((reference) =>
      reference.holder === schema && definition.schema !== undefined
        ? { ...reference, holder: definition.schema }
        : reference,
    )
    definition.bytes = byteLength(definition.schema)
    if (definition.bytes > bytesMax[definition.direction])
      this.reporter.note(
        'schema_unusable',
        `The schema takes ${definition.bytes} bytes, more than a tool may; it is left open.`,
        definition.target.at,
      )
  }

  /** Breaks circles of schemas that judge the same value, e.g. `A: {allOf: [{$ref: A}]}`: no check would end. */
  private straighten(definition: Definition, path: readonly Definition[]): void {
    if (this.straight.has(definition)) return
    const here = [...path, definition]
    for (const { name, inPlace, holder } of definition.references) {
      if (!inPlace || holder['$ref'] === undefined) continue
      const target = this.definitions.get(`${definition.direction} ${name}`)
      if (target === undefined) continue
      if (target.schema === undefined) this.fill(target)
      if (here.includes(target) || here.length > chainMax) {
        delete holder['$ref']
        this.reporter.note(
          'schema_unusable',
          `The schema is made of itself or of too many others (${name}); from here any value is taken.`,
          definition.target.at,
        )
      } else this.straighten(target, here)
    }
    this.straight.add(definition)
  }
}

/** Stands for a definition that is too large: its kind and name, and nothing that refuses. */
function stubOf({ target }: Definition): JsonSchema {
  const { types } = readTypes(memberOf(target.value, 'type') ?? [])
  const isPlainObject = isObject(target.value) && types.length === 1 && types[0] === 'object'
  const words = textAt(target.value, 'title') ?? target.at.key
  return {
    ...(isPlainObject && memberOf(target.value, 'nullable') !== true ? { type: 'object' } : {}),
    description: `${plainLine(words, 60)}: not shown in full, any form is taken.`,
  }
}

function byteLength(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value))
}
