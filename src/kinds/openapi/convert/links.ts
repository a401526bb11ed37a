/**
 * Links of successes (OpenAPI Link Object): which tool a success leads to, and with which arguments. They are resolved
 * when all tools are there, since a link is told under the name that its target has in the end. A link that cannot be
 * followed is a note of the report.
 */
import type { ConvertedTool, JsonSchema } from '../../../model/conversion.ts'
import type {
  RestLink,
  RestLinkArgument,
  RestLinkValue,
  RestPlan,
} from '../../../model/kinds/openapi.ts'
import type { Documents } from '../../document/documents.ts'
import {
  isObject,
  listAt,
  memberOf,
  membersOf,
  objectAt,
  textAt,
  textsAt,
} from '../../document/json.ts'
import { readTypes } from '../../document/keywords.ts'
import { placeIn, type Spot } from '../../document/place.ts'
import type { Reporter } from '../../document/report.ts'
import { successResponses } from './answer.ts'
import { bodyArguments, LinkFault, parseLinkValue, propertyOf } from './expressions.ts'
import type { Operation } from './operation.ts'

/** A tool with the operation that it was made of. */
export interface Made {
  readonly source: Operation
  readonly tool: ConvertedTool<RestPlan>
}

export interface LinksOptions {
  readonly documents: Documents
  readonly reporter: Reporter
  readonly operations: readonly Operation[]
  /** Those that the configuration keeps. */
  readonly selected: ReadonlySet<Operation>
  readonly made: readonly Made[]
}

const perToolMax = 20
const argumentsMax = 20
/** Of a whole description: responses are shared, so that few links can stand at many operations. */
const totalMax = 5_000
const nameCharsMax = 60

export class Links {
  private readonly documents: Documents
  private readonly reporter: Reporter
  private readonly selected: ReadonlySet<Operation>
  private readonly byId = new Map<string, Operation>()
  private readonly bySpot = new Map<unknown, Operation>()
  private readonly made: ReadonlyMap<Operation, ConvertedTool<RestPlan>>
  /** Entries of a map of links, of which many responses may be made. */
  private readonly entries = new Map<unknown, readonly (readonly [string, unknown])[]>()
  private left = totalMax

  constructor({ documents, reporter, operations, selected, made }: LinksOptions) {
    this.documents = documents
    this.reporter = reporter
    this.selected = selected
    this.made = new Map(made.map(({ source, tool }) => [source, tool]))
    for (const operation of operations) {
      const id = textAt(operation.spot.value, 'operationId')
      if (id !== undefined && !this.byId.has(id)) this.byId.set(id, operation)
      if (!this.bySpot.has(operation.spot.value)) this.bySpot.set(operation.spot.value, operation)
    }
  }

  /** The tool with its links in the plan. */
  linked({ source, tool }: Made): ConvertedTool<RestPlan> {
    const links = successResponses(source.spot, this.documents).flatMap(({ code, spot }) => {
      const all = this.documents.member(spot, 'links')
      return all !== undefined && isObject(all.value)
        ? this.ofResponse(code, all, { source, tool })
        : []
    })
    const told = links.slice(0, perToolMax)
    return told.length === 0 ? tool : { ...tool, plan: { ...tool.plan, links: told } }
  }

  private ofResponse(code: string, all: Spot, from: Made): readonly RestLink[] {
    let entries = this.entries.get(all.value)
    if (entries === undefined) {
      entries = membersOf(all.value)
        .filter(([name]) => !name.startsWith('x-'))
        .slice(0, perToolMax + 1)
      this.entries.set(all.value, entries)
    }
    const links: RestLink[] = []
    for (const [index, [name, value]] of entries.entries()) {
      if (index === perToolMax || this.left <= 0) {
        this.reporter.note(
          'description_too_large',
          `More than ${perToolMax} links of an answer, or ${totalMax} of the description: the others are not told.`,
          all.at,
        )
        break
      }
      this.left--
      const spot = { value, at: placeIn(all.at, name) }
      try {
        links.push({
          status: code.toUpperCase() === '2XX' ? '2XX' : code,
          ...this.read(spot, from),
        })
      } catch (thrown) {
        if (!(thrown instanceof LinkFault)) throw thrown
        const which = JSON.stringify(name.slice(0, nameCharsMax))
        this.reporter.note(
          thrown.code,
          `The link ${which} is not told: ${thrown.message}.`,
          spot.at,
        )
      }
    }
    return links
  }

  /** @throws LinkFault */
  private read(spot: Spot, from: Made): Omit<RestLink, 'status'> {
    const found = this.documents.object(spot)
    if (found.kind === 'lost') throw new LinkFault(found.code, found.reason.replace(/\.$/, ''))
    const { value } = found.spot
    if (!isObject(value)) throw new LinkFault('description_invalid', 'it is no object')
    if (memberOf(value, 'server') !== undefined)
      throw new LinkFault('feature_unsupported', 'it leads to a server of its own')
    const source = this.targetOf(found.spot)
    const tool = this.made.get(source)
    if (tool === undefined)
      throw new LinkFault(
        this.selected.has(source) ? 'reference_unresolved' : 'excluded',
        `it leads to ${source.key.slice(0, 200)}, which is no tool`,
      )
    const given = argumentsOf(value, from.tool.plan, tool)
    const inPath = new Set(
      tool.plan.parameters.filter((one) => one.in === 'path').map(({ argument }) => argument),
    )
    const turns = given.some(({ argument }) => !inPath.has(argument))
    const leads = source !== from.source ? 'other' : turns ? 'page' : 'same'
    return { tool: tool.definition.name, leads, arguments: given }
  }

  /** `operationId`, or `operationRef`, which is a reference like others. */
  private targetOf({ value, at }: Spot): Operation {
    const id = textAt(value, 'operationId')
    const reference = textAt(value, 'operationRef')
    if (id === undefined && reference === undefined)
      throw new LinkFault('description_invalid', 'it names no operation')
    const resolved =
      id === undefined ? this.documents.object({ value: { $ref: reference ?? '' }, at }) : undefined
    const operation =
      id !== undefined
        ? this.byId.get(id)
        : resolved?.kind === 'found'
          ? this.bySpot.get(resolved.spot.value)
          : undefined
    if (operation === undefined)
      throw new LinkFault(
        'reference_unresolved',
        `the description has no operation ${JSON.stringify((id ?? reference ?? '').slice(0, 200))}`,
      )
    return operation
  }
}

/** @throws LinkFault */
function argumentsOf(
  link: unknown,
  asked: RestPlan,
  { plan, definition }: ConvertedTool<RestPlan>,
): readonly RestLinkArgument[] {
  const { inputSchema } = definition
  const required = new Set(textsAt(inputSchema, 'required'))
  const given: RestLinkArgument[] = []
  const shown = objectAt(inputSchema, 'properties')
  const add = (argument: string, value: RestLinkValue): void => {
    // What the gateway fills is not told.
    if (shown !== undefined && !Object.hasOwn(shown, argument)) return
    if (given.some((one) => one.argument === argument)) return
    if (given.length === argumentsMax)
      throw new LinkFault('description_too_large', `it has more than ${argumentsMax} arguments`)
    const schema = memberOf(memberOf(inputSchema, 'properties'), argument)
    given.push({
      argument,
      value,
      types: typesOf(schema, inputSchema, 0),
      required: required.has(argument),
    })
  }
  const parameters = objectAt(link, 'parameters')
  for (const name of Object.keys(parameters ?? {}).slice(0, argumentsMax + 1)) {
    const argument = argumentNamed(name, plan)
    if (argument === undefined)
      throw new LinkFault(
        'reference_unresolved',
        `the operation has no parameter ${JSON.stringify(name.slice(0, nameCharsMax))}`,
      )
    add(argument, parseLinkValue(memberOf(parameters, name), asked))
  }
  const raw = memberOf(link, 'requestBody')
  if (raw === undefined) return given
  if (plan.body === undefined)
    throw new LinkFault('reference_unresolved', 'the operation takes no body')
  const whole = parseLinkValue(raw, asked)
  if (plan.body.from.kind === 'argument') add(plan.body.from.argument, whole)
  for (const [name, argument] of bodyArguments(plan.body).slice(0, argumentsMax)) {
    const value = propertyOf(whole, name)
    if (value !== undefined) add(argument, value)
  }
  return given
}

/** `id`, or `path.id` where several parameters are called so (OpenAPI 3.1 section 4.8.20). */
function argumentNamed(name: string, { parameters }: RestPlan): string | undefined {
  const [, where, bare] = /^(path|query|header|cookie)\.(.+)$/s.exec(name) ?? []
  return (
    parameters.find((one) => one.name === name) ??
    parameters.find((one) => one.in === where && one.name === bare)
  )?.argument
}

const typesDepthMax = 6
const alternativesMax = 20

/** JSON types that a schema takes; empty when that is not simply said. */
function typesOf(schema: unknown, root: JsonSchema, depth: number): readonly string[] {
  if (depth > typesDepthMax) return []
  const raw = memberOf(schema, 'type')
  if (raw !== undefined) return readTypes(raw).types
  const reference = textAt(schema, '$ref')
  if (reference !== undefined)
    return typesOf(
      memberOf(memberOf(root, '$defs'), reference.slice('#/$defs/'.length)),
      root,
      depth + 1,
    )
  for (const keyword of ['anyOf', 'oneOf']) {
    const branches = listAt(schema, keyword)
    if (branches.length === 0 || branches.length > alternativesMax) continue
    const all = branches.map((branch) => typesOf(branch, root, depth + 1))
    return all.some((types) => types.length === 0) ? [] : [...new Set(all.flat())]
  }
  return []
}
