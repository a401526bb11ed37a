/**
 * What to ask of an object when nobody says: its scalars and enums, then those of the objects in it, level by level,
 * as far as depth and number of fields allow. Cycles are cut, pages of connections are kept short.
 */
import {
  type GraphQLAbstractType,
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isInterfaceType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  isRequiredArgument,
  isScalarType,
} from 'graphql'

export interface SelectOptions {
  readonly schema: GraphQLSchema
  readonly undefinedTypes: ReadonlySet<string>
  /** Nested objects; those that only carry the pages of a list do not count. */
  readonly depthMax: number
  readonly fieldsMax: number
  readonly pageSize: number
  /** Without the types behind interfaces and unions. */
  readonly plain: boolean
}

/** Leaves of one object: at most and at least this many when the budget is shared. */
const shareMax = 40
const shareMin = 4
/** `pageInfo` and its two fields, the list, and often `totalCount`. */
const connectionCost = 5
/** Types behind a union or an interface that are asked for their own fields. */
const fragmentsMax = 8
/** What tells most of an object comes first when not all has room. */
const telling: readonly string[] = [
  ...['id', 'name', 'title', 'key', 'slug', 'identifier', 'number', 'login', 'username'],
  ...['displayName', 'email', 'sku', 'code', 'status', 'state', 'type', 'text', 'message', 'value'],
  ...['amount', 'total', 'count', 'url', 'description', 'body', 'createdAt', 'updatedAt'],
]
const pageArguments: readonly string[] = ['first', 'limit', 'pageSize', 'perPage', 'take']

interface Part {
  readonly type: GraphQLCompositeType
  /** Types around it, itself included: none of them is entered again. */
  readonly path: readonly GraphQLNamedType[]
  /** By name of the field. */
  readonly fields: Map<string, Asked>
  readonly fragments: Part[]
  /** The abstract type of a fragment: what it asks for need not be asked for again. */
  readonly outer: Part | undefined
}

/** Key of the answer by `Type.field`. */
type Aliases = ReadonlyMap<string, string>

interface Asked {
  /** The key of the answer, where it is not the name of the field. */
  readonly alias: string | undefined
  readonly args: string
  readonly part: Part | undefined
}

/** A selection set as text with braces. `depthMax` of 1 asks for the object's own leaves only. */
export function selectFields(type: GraphQLCompositeType, options: SelectOptions): string {
  const selector = new Selector(options)
  return print(selector.select(type), '')
}

class Selector {
  private readonly options: SelectOptions
  private budget: number
  /** Of abstract types, which come up often. */
  private readonly aliases = new Map<GraphQLCompositeType, Aliases>()

  constructor(options: SelectOptions) {
    this.options = options
    this.budget = options.fieldsMax
  }

  select(type: GraphQLCompositeType): Part {
    const root = newPart(type, [type])
    let level: Part[] = [root]
    for (let depth = 1; level.length > 0 && this.budget > 0; depth++) {
      const inner = level.flatMap((part) => this.unwrap(part))
      const last = depth >= this.options.depthMax
      const room = Math.floor((last ? this.budget : this.budget * 0.6) / inner.length)
      const share = Math.min(shareMax, Math.max(shareMin, room))
      for (const part of inner) this.leaves(part, share)
      if (last) break
      level = this.nested(inner)
    }
    return root
  }

  /** A connection to the objects on its page: `nodes` or `edges{node}`, with what is needed to turn the page. */
  private unwrap(part: Part): Part[] {
    const connection = connectionOf(part.type)
    if (connection === undefined) return [part]
    const { type, pageInfo, list, viaEdges } = connection
    if (part.path.slice(0, -1).includes(type)) return [part]
    this.leaf(part, 'totalCount')
    const info = newPart(pageInfo, [...part.path, pageInfo])
    this.leaf(info, 'hasNextPage')
    this.leaf(info, 'endCursor')
    this.add(part, 'pageInfo', '', info)
    const inner = newPart(type, [...part.path, type])
    if (!viaEdges) this.add(part, list, '', inner)
    else {
      const edge = newPart(connection.edge, [...part.path])
      this.add(part, list, '', edge)
      this.add(edge, 'node', '', inner)
    }
    return [inner]
  }

  private leaf(part: Part, name: string): void {
    const field = fieldsOf(part.type)[name]
    if (field === undefined || !isLeafType(getNamedType(field.type)) || !this.selectable(field))
      return
    this.add(part, name, '', undefined)
  }

  private add(part: Part, name: string, args: string, inner: Part | undefined): void {
    if (part.fields.has(name)) return
    part.fields.set(name, { alias: this.aliasOf(part, name), args, part: inner })
    this.budget--
  }

  private selectable(field: GraphQLField): boolean {
    const named = getNamedType(field.type)
    return (
      field.deprecationReason == null &&
      !field.args.some(isRequiredArgument) &&
      !(isScalarType(named) && this.options.undefinedTypes.has(named.name))
    )
  }

  private leaves(part: Part, share: number): void {
    const candidates = Object.values(fieldsOf(part.type)).filter(
      (field) =>
        isLeafType(getNamedType(field.type)) &&
        this.selectable(field) &&
        part.outer?.fields.has(field.name) !== true,
    )
    const count = Math.max(0, Math.min(share, this.budget))
    const chosen =
      candidates.length <= count
        ? candidates
        : new Set([...candidates].sort((a, b) => rankOf(a.name) - rankOf(b.name)).slice(0, count))
    const kept = new Set(chosen)
    for (const field of candidates) if (kept.has(field)) this.add(part, field.name, '', undefined)
    if (!isAbstractType(part.type) || this.options.plain) return
    const types = this.fragmentTypes(part.type)
    const each = Math.max(2, Math.floor(share / Math.max(1, types.length)))
    for (const type of types) {
      if (this.budget <= 0) break
      const fragment = newPart(type, [...part.path, type], part)
      this.leaves(fragment, each)
      part.fragments.push(fragment)
    }
  }

  private fragmentTypes(type: GraphQLAbstractType): readonly GraphQLObjectType[] {
    const possible = this.options.schema.getPossibleTypes(type)
    // An interface of very many types, such as Relay's Node, says with `__typename` what to ask for next.
    if (isInterfaceType(type) && possible.length > fragmentsMax) return []
    return possible.slice(0, fragmentsMax)
  }

  /**
   * Fields of one key on several types of an abstract one must have one shape (section 5.3.2). The first has the name,
   * a later one of another shape answers as `name_Type`, whichever of them are asked for: two selections of one type
   * can meet in one answer.
   */
  private aliasOf({ outer, type }: Part, name: string): string | undefined {
    if (outer === undefined || !isAbstractType(outer.type)) return undefined
    let aliases = this.aliases.get(outer.type)
    if (aliases === undefined) {
      aliases = this.aliasesOf(outer.type)
      this.aliases.set(outer.type, aliases)
    }
    return aliases.get(`${type.name}.${name}`)
  }

  private aliasesOf(abstract: GraphQLAbstractType): Aliases {
    const shapes = new Map<string, string>()
    const aliases = new Map<string, string>()
    for (const type of [abstract, ...this.fragmentTypes(abstract)])
      for (const field of Object.values(fieldsOf(type)).filter((one) => this.selectable(one))) {
        const shape = `${field.name} ${String(field.type)}`
        let key = field.name
        while ((shapes.get(key) ?? shape) !== shape)
          key = key === field.name ? `${field.name}_${type.name}` : `${key}_`
        shapes.set(key, shape)
        if (key !== field.name) aliases.set(`${type.name}.${field.name}`, key)
      }
    return aliases
  }

  /** The objects in the parts of a level, plain ones before lists, until the budget has no room for their leaves. */
  private nested(parts: readonly Part[]): Part[] {
    const next: Part[] = []
    let reserved = 0
    for (const lists of [false, true])
      for (const part of parts.flatMap((outer) => [outer, ...outer.fragments]))
        for (const field of Object.values(fieldsOf(part.type))) {
          const named = getNamedType(field.type)
          if (!isCompositeType(named) || isPages(field) !== lists) continue
          if (!this.enters(part, field, named)) continue
          const cost = shareMin + (connectionOf(named) === undefined ? 0 : connectionCost)
          if (this.budget - reserved <= cost) continue
          const inner = newPart(named, [...part.path, named])
          this.add(part, field.name, this.pageOf(field), inner)
          reserved += cost
          next.push(inner)
        }
    return next
  }

  /** Whether an object may be asked for: it needs no arguments, and neither it nor what its pages hold is around it. */
  private enters(part: Part, field: GraphQLField, named: GraphQLCompositeType): boolean {
    if (!this.selectable(field) || part.fields.has(field.name)) return false
    if (part.outer?.fields.has(field.name) === true) return false
    const element = connectionOf(named)?.type
    return !part.path.includes(named) && (element === undefined || !part.path.includes(element))
  }

  /** Servers often refuse a list without a size. */
  private pageOf(field: GraphQLField): string {
    if (!isPages(field)) return ''
    const argument = field.args.find(
      (candidate) =>
        pageArguments.includes(candidate.name) &&
        candidate.default === undefined &&
        getNamedType(candidate.type).name === 'Int' &&
        !isListType(candidate.type),
    )
    return argument === undefined ? '' : `(${argument.name}: ${this.options.pageSize})`
  }
}

function rankOf(name: string): number {
  const rank = telling.indexOf(name)
  return rank < 0 ? telling.length : rank
}

function newPart(
  type: GraphQLCompositeType,
  path: readonly GraphQLNamedType[],
  outer?: Part,
): Part {
  return { type, path, fields: new Map(), fragments: [], outer }
}

function fieldsOf(type: GraphQLCompositeType): Readonly<Record<string, GraphQLField>> {
  return 'getFields' in type ? type.getFields() : {}
}

function isList(field: GraphQLField): boolean {
  return isListType(isNonNullType(field.type) ? field.type.ofType : field.type)
}

const isPages = (field: GraphQLField): boolean =>
  isList(field) || connectionOf(getNamedType(field.type)) !== undefined

interface Connection {
  readonly type: GraphQLCompositeType
  readonly pageInfo: GraphQLObjectType
  readonly edge: GraphQLObjectType
  readonly list: string
  readonly viaEdges: boolean
}

/** A page of a list after the Relay cursor connections specification, section 2. */
function connectionOf(type: GraphQLNamedType): Connection | undefined {
  if (!isObjectType(type)) return undefined
  const fields = type.getFields()
  const { pageInfo, nodes, edges } = fields
  if (pageInfo === undefined) return undefined
  const info = getNamedType(pageInfo.type)
  if (!isObjectType(info) || info.getFields()['hasNextPage'] === undefined) return undefined
  if (nodes !== undefined && isList(nodes)) {
    const element = getNamedType(nodes.type)
    if (isCompositeType(element))
      return { type: element, pageInfo: info, edge: info, list: 'nodes', viaEdges: false }
  }
  if (edges === undefined || !isList(edges)) return undefined
  const edge = getNamedType(edges.type)
  if (!isObjectType(edge)) return undefined
  const node = edge.getFields()['node']
  const element = node === undefined ? undefined : getNamedType(node.type)
  return isCompositeType(element)
    ? { type: element, pageInfo: info, edge, list: 'edges', viaEdges: true }
    : undefined
}

function print(part: Part, indent: string): string {
  return `{\n${lines(part, `${indent}  `).join('\n')}\n${indent}}`
}

function lines(part: Part, indent: string): string[] {
  const printed: string[] = isAbstractType(part.type) ? [`${indent}__typename`] : []
  for (const [name, { alias, args, part: inner }] of part.fields) {
    const asked = `${indent}${alias === undefined ? '' : `${alias}: `}${name}${args}`
    if (inner === undefined) printed.push(asked)
    else if (!isEmpty(inner)) printed.push(`${asked} ${print(inner, indent)}`)
  }
  for (const fragment of part.fragments)
    if (!isEmpty(fragment))
      printed.push(`${indent}... on ${fragment.type.name} ${print(fragment, indent)}`)
  return printed.length === 0 ? [`${indent}__typename`] : printed
}

function isEmpty(part: Part): boolean {
  return (
    !isAbstractType(part.type) &&
    [...part.fields.values()].every(({ part: inner }) => inner !== undefined && isEmpty(inner))
  )
}
