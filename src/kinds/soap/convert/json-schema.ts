/** The JSON Schema of a message, from the same types that the call plan is made of. */
import type { JsonSchema } from '../../../model/conversion.ts'
import type {
  ComplexType,
  Group,
  Particle,
  SoapElement,
  SoapMessage,
  SoapType,
} from '../../../model/kinds/soap.ts'
import { type Field, fieldsOf, isEmptiable, isMany } from '../../../model/kinds/soap-fields.ts'
import { contentName, elementName, elementSchema, freeContent } from './free-schema.ts'
import { type Direction, presetValue, simpleSchema } from './simple-schema.ts'

/** Beyond it, a type is an open object: a model cannot read more, and the check of arguments must stay small. */
const definitionsMax = 200
const inlineDepthMax = 6

export interface MessageSchema {
  readonly schema: JsonSchema
  /** Labels of types that are not described. */
  readonly cut: readonly string[]
}

/** The schema of a message's JSON object; complex types that occur twice stand in `$defs`. */
export function messageSchema(
  message: SoapMessage,
  types: ReadonlyMap<string, SoapType>,
  direction: Direction,
): MessageSchema {
  return new Writer(types, direction).message(message)
}

class Writer {
  private readonly types: ReadonlyMap<string, SoapType>
  private readonly direction: Direction
  private readonly counts = new Map<string, number>()
  private readonly definitions = new Map<string, JsonSchema>()
  private readonly cut = new Set<string>()
  /** Types that stand where another one is declared, and then say which they are. */
  private readonly alternatives = new Set<string>()
  private described = 0

  constructor(types: ReadonlyMap<string, SoapType>, direction: Direction) {
    this.types = types
    this.direction = direction
  }

  message(message: SoapMessage): MessageSchema {
    for (const { type } of [...message.body, ...message.headers]) this.countUses(type)
    const [only] = message.body
    const inlined = message.inline && only !== undefined ? this.types.get(only.type) : undefined
    const base =
      inlined?.kind === 'complex'
        ? this.members(inlined, 0, only?.type ?? '')
        : this.slots(message.body, this.direction === 'in')
    const headers = this.slots(message.headers, false)
    const properties = { ...base.properties, ...headers.properties }
    const { description } = base
    const root = this.object({ properties, required: base.required }, description)
    const definitions = Object.fromEntries(this.definitions)
    const schema = this.definitions.size === 0 ? root : { ...root, $defs: definitions }
    return { schema, cut: [...this.cut] }
  }

  private object(
    { properties, required }: { properties: JsonSchema; required: readonly string[] },
    description: string | undefined,
  ): JsonSchema {
    return {
      type: 'object',
      ...(description === undefined ? {} : { description }),
      properties,
      ...(required.length === 0 ? {} : { required }),
      // A mistyped name must not be dropped silently; answers may grow.
      ...(this.direction === 'in' ? { additionalProperties: false } : {}),
    }
  }

  private slots(elements: readonly SoapElement[], required: boolean) {
    return {
      properties: Object.fromEntries(
        elements.map((element) => [element.property, this.element(element, 0)]),
      ),
      required: required ? elements.map(({ property }) => property) : [],
      description: undefined,
    }
  }

  /** How often each type is referred to: once means that it may stand in its place. */
  private countUses(root: string): void {
    const queue = [root]
    for (let key = queue.pop(); key !== undefined; key = queue.pop()) {
      const count = this.counts.get(key) ?? 0
      this.counts.set(key, count + 1)
      const type = this.types.get(key)
      if (count > 0 || type === undefined) continue
      if (type.kind === 'array') queue.push(type.item.type)
      if (type.kind !== 'complex') continue
      for (const { type: inner } of elementsOf(type.content)) queue.push(inner)
      queue.push(...type.derived)
      for (const one of type.derived) this.alternatives.add(one)
    }
  }

  private element(element: SoapElement, depth: number): JsonSchema {
    const { nillable, about, preset, fixed } = element
    const type = this.types.get(element.type)
    const inner = this.type(element.type, depth)
    const value =
      preset === undefined || type?.kind !== 'simple' ? undefined : presetValue(type.simple, preset)
    const whole = nillable ? orNull(inner) : inner
    return {
      ...whole,
      ...described(whole, about),
      ...(value === undefined || this.direction === 'out'
        ? {}
        : fixed
          ? { const: value }
          : { default: value }),
    }
  }

  private type(key: string, depth: number): JsonSchema {
    const type = this.types.get(key)
    switch (type?.kind) {
      case undefined:
      case 'any':
        this.definitions.set(elementName, elementSchema(this.direction))
        this.definitions.set(contentName, freeContent)
        return { $ref: `#/$defs/${contentName}` }
      case 'simple':
        return simpleSchema(type.simple, this.direction)
      case 'array':
        return this.shared(key, type.label, depth, (inner) => ({
          type: 'array',
          items: this.element(type.item, inner),
        }))
      case 'complex': {
        const alternatives = [
          ...(type.abstract ? [] : [key]),
          ...type.derived.filter((one) => !this.isAbstract(one)),
        ]
        if (type.derived.length === 0 || alternatives.length === 0)
          return this.concrete(key, type, depth)
        // One of several types: all but the declared one say which with xsi_type.
        return {
          anyOf: alternatives.map((one) => {
            const other = this.types.get(one)
            if (other?.kind !== 'complex') return {}
            const reference = this.concrete(one, other, inlineDepthMax)
            return one === key ? reference : { ...reference, required: ['xsi_type'] }
          }),
        }
      }
    }
  }

  private isAbstract(key: string): boolean {
    const type = this.types.get(key)
    return type?.kind === 'complex' && type.abstract
  }

  private concrete(key: string, type: ComplexType, depth: number): JsonSchema {
    return this.shared(key, type.label, depth, (inner) => {
      const { properties, required, description } = this.members(type, inner, key)
      return this.object({ properties, required }, description)
    })
  }

  /** In its place when it occurs once, else in `$defs`. */
  private shared(
    key: string,
    label: string,
    depth: number,
    describe: (depth: number) => JsonSchema,
  ): JsonSchema {
    const reference = { $ref: `#/$defs/${label}` }
    if (this.definitions.has(label)) return reference
    if (this.described >= definitionsMax) {
      this.cut.add(label)
      return { description: `A ${label}; its members are not described here.` }
    }
    this.described += 1
    if (this.counts.get(key) === 1 && depth < inlineDepthMax) return describe(depth + 1)
    this.definitions.set(label, {})
    this.definitions.set(label, describe(0))
    return reference
  }

  private members(type: ComplexType, depth: number, key: string) {
    const { properties, required } = this.fields(type.content, depth)
    if (this.alternatives.has(key)) properties.unshift(['xsi_type', { const: type.label }])
    for (const {
      property,
      type: simple,
      required: needed,
      preset,
      fixed,
      about,
    } of type.attributes) {
      const schema = simpleSchema(simple, this.direction)
      const value = preset === undefined ? undefined : presetValue(simple, preset)
      properties.push([
        property,
        {
          ...schema,
          ...described(schema, about),
          ...(value === undefined || this.direction === 'out'
            ? {}
            : fixed
              ? { const: value }
              : { default: value }),
        },
      ])
      if (needed && preset === undefined) required.push(property)
    }
    if (type.text !== undefined) {
      properties.push([type.text.property, simpleSchema(type.text.type, this.direction)])
      required.push(type.text.property)
    }
    if (type.mixed !== undefined)
      properties.push([type.mixed, { type: 'string', description: 'Text between the elements.' }])
    const description = sentences(
      type.about,
      this.direction === 'in' ? choiceHint(type.content) : undefined,
    )
    return { properties: Object.fromEntries(properties), required, description }
  }

  private fields(content: Particle | undefined, depth: number) {
    const properties: [string, JsonSchema][] = []
    const required: string[] = []
    for (const field of fieldsOf(content).values()) {
      if (field.max === 0) continue
      properties.push([field.property, this.field(field, depth)])
      if (field.min > 0 && field.element?.preset === undefined) required.push(field.property)
    }
    return { properties, required }
  }

  /** One occurrence of a group that repeats. */
  private unit(group: Group, depth: number): JsonSchema {
    const { properties, required } = this.fields(group, depth + 1)
    const isIn = this.direction === 'in'
    const isOne = group.kind === 'choice' && group.items.every((item) => fieldsOf(item).size === 1)
    return {
      ...this.object(
        { properties: Object.fromEntries(properties), required },
        isIn ? choiceHint(group) : undefined,
      ),
      ...(isIn && isOne ? { maxProperties: 1 } : {}),
      ...(isIn && !isEmptiable(group) ? { minProperties: 1 } : {}),
    }
  }

  private field(field: Field, depth: number): JsonSchema {
    const { element, unit } = field
    if (unit !== undefined) return this.list(field, this.unit(unit, depth))
    if (element === undefined) this.definitions.set(elementName, elementSchema(this.direction))
    const schema =
      element === undefined ? { $ref: `#/$defs/${elementName}` } : this.element(element, depth)
    return isMany(field) ? this.list(field, schema) : schema
  }

  private list({ unit, min, max }: Field, schema: JsonSchema): JsonSchema {
    return {
      type: 'array',
      ...(unit === undefined ? {} : { description: 'In the order of the XML.' }),
      items: schema,
      ...(this.direction === 'out' || min === 0 ? {} : { minItems: min }),
      ...(this.direction === 'out' || max === null ? {} : { maxItems: max }),
    }
  }
}

/** All elements of a content model, those of units included. */
function elementsOf(particle: Particle | undefined): readonly SoapElement[] {
  if (particle === undefined || particle.kind === 'any') return []
  return particle.kind === 'element' ? [particle.element] : particle.items.flatMap(elementsOf)
}

function orNull(schema: JsonSchema): JsonSchema {
  const { type, enum: values } = schema
  if (typeof type !== 'string' && !Array.isArray(type)) return { anyOf: [schema, { type: 'null' }] }
  return {
    ...schema,
    type: [...(typeof type === 'string' ? [type] : type), 'null'],
    ...(Array.isArray(values) ? { enum: [...values, null] } : {}),
  }
}

function described(schema: JsonSchema, about: string | undefined): JsonSchema {
  const own = schema['description']
  const description = sentences(about, typeof own === 'string' ? own : undefined)
  return description === undefined ? {} : { description }
}

function sentences(...parts: readonly (string | undefined)[]): string | undefined {
  const said = parts.filter((part) => part !== undefined)
  return said.length === 0 ? undefined : said.join(' ')
}

/** Which properties exclude each other; said in words, since model providers take no `oneOf` at the top. */
function choiceHint(particle: Particle | undefined): string | undefined {
  if (particle === undefined || particle.kind === 'element' || particle.kind === 'any')
    return undefined
  // Of a list of units each unit says it.
  if (particle.property !== undefined) return undefined
  if (particle.kind !== 'choice' || particle.max !== 1)
    return sentences(...particle.items.map(choiceHint))
  const alternatives = particle.items.map((item) => [...fieldsOf(item).keys()].join(' with '))
  if (alternatives.length < 2) return undefined
  const optional = particle.min === 0 || particle.items.some(isEmptiable)
  return `Give ${optional ? 'at most' : 'exactly'} one of: ${alternatives.join(', ')}.`
}
