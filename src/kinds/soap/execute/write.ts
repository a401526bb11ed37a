/** Arguments to XML, by the call plan. Every value is escaped or refused; none can become markup. */
import { escapeAttribute, escapeText, isXmlText } from '../../../kit/xml.ts'
import type {
  ComplexType,
  Group,
  Particle,
  SoapAttribute,
  SoapCommon,
  SoapElement,
  SoapType,
  XmlName,
} from '../../../model/kinds/soap.ts'
import { type Fields, fieldsOf } from '../../../model/kinds/soap-fields.ts'
import { ArgumentFault, isMembers, type Members, member } from './arguments.ts'
import { freeContent, freeElement } from './free.ts'
import { xmlNames } from './names.ts'
import { Pending } from './pending.ts'
import { simpleText } from './simple.ts'

export class XmlWriter {
  private readonly types: SoapCommon['types']
  private readonly version: '1.1' | '1.2'
  private readonly prefixes = new Map<string, string>()
  private readonly fields = new WeakMap<Particle, Fields>()

  constructor(types: SoapCommon['types'], version: '1.1' | '1.2') {
    this.types = types
    this.version = version
  }

  /** Declarations of all prefixes that were used. */
  declarations(): string {
    return [...this.prefixes]
      .map(([namespace, prefix]) => ` xmlns:${prefix}="${escapeAttribute(namespace)}"`)
      .join('')
  }

  /** A name with its prefix; no default namespace is ever declared, so a plain name is in none. */
  readonly prefixed = ({ namespace, local }: XmlName): string => {
    if (namespace === '') return local
    let prefix = this.prefixes.get(namespace)
    if (prefix === undefined) {
      prefix = xmlNames.prefixes[namespace] ?? `n${this.prefixes.size}`
      this.prefixes.set(namespace, prefix)
    }
    return `${prefix}:${local}`
  }

  /** @throws ArgumentFault */
  element(element: SoapElement, value: unknown, place: string, encoded: boolean): string {
    const tag = this.prefixed(element.name)
    if (value === null) {
      if (!element.nillable) throw new ArgumentFault(place, 'must not be null')
      return `<${tag} ${this.prefixed(xmlNames.nil)}="true"/>`
    }
    const type = this.types[element.type] ?? { kind: 'any' }
    const { attributes, content } = this.typed(type, value, place, encoded)
    return `<${tag}${attributes}>${content}</${tag}>`
  }

  private typed(
    type: SoapType,
    value: unknown,
    place: string,
    encoded: boolean,
  ): { attributes: string; content: string } {
    switch (type.kind) {
      case 'simple': {
        const text = simpleText(type.simple, value, { place, prefixed: this.prefixed })
        const atomic = type.simple.kind === 'atomic' ? type.simple.builtin : 'string'
        const name = type.name ?? { namespace: xmlNames.schema, local: atomic }
        return { attributes: encoded ? this.typeAttribute(name) : '', content: escapeText(text) }
      }
      case 'any':
        return freeContent(value, place, this.prefixed)
      case 'array':
        return this.array(type.item, value, place)
      case 'complex': {
        if (!isMembers(value)) throw new ArgumentFault(place, 'must be an object')
        const actual = this.actual(type, value, place)
        const isDeclared = actual === type
        const name =
          (encoded || !isDeclared) && actual.name !== undefined
            ? this.typeAttribute(actual.name)
            : ''
        const { attributes, content } = this.object(actual, value, place, encoded)
        return { attributes: name + attributes, content }
      }
    }
  }

  private typeAttribute(name: XmlName): string {
    return ` ${this.prefixed(xmlNames.type)}="${this.prefixed(name)}"`
  }

  /** The type that `xsi_type` names, or the only one that can be meant. */
  private actual(type: ComplexType, value: Members, place: string): ComplexType {
    const asked = member(value, 'xsi_type')
    const derived = type.derived.flatMap((key) => {
      const one = this.types[key]
      return one?.kind === 'complex' ? [one] : []
    })
    const possible = [
      ...(type.abstract ? [] : [type]),
      ...derived.filter(({ abstract }) => !abstract),
    ]
    const [first, second] = possible
    if (asked === undefined && (!type.abstract || second === undefined)) return first ?? type
    const found = possible.find(({ label }) => label === asked)
    if (found !== undefined) return found
    throw new ArgumentFault(
      place,
      `must have xsi_type, one of: ${possible.map(({ label }) => label).join(', ')}`,
    )
  }

  /** The inside of an object: its attributes and its content. `skip` are properties that belong to others. */
  object(
    type: ComplexType,
    value: Members,
    place: string,
    encoded: boolean,
    skip: ReadonlySet<string> = new Set(),
  ): { attributes: string; content: string } {
    const at = (property: string): string => (place === '' ? property : `${place}.${property}`)
    const fields = this.fieldsOf(type.content)
    const known = new Set([
      'xsi_type',
      ...fields.keys(),
      ...type.attributes.map(({ property }) => property),
      ...(type.text === undefined ? [] : [type.text.property]),
      ...(type.mixed === undefined ? [] : [type.mixed]),
    ])
    for (const property of Object.keys(value))
      if (!known.has(property) && !skip.has(property))
        throw new ArgumentFault(at(property), 'is not known here')
    const attributes = type.attributes
      .map((attribute) =>
        this.attribute(attribute, member(value, attribute.property), at(attribute.property)),
      )
      .join('')
    if (type.text !== undefined) {
      const { property, type: simple } = type.text
      const given = member(value, property)
      if (given === undefined) throw new ArgumentFault(at(property), 'is missing')
      const text = simpleText(simple, given, { place: at(property), prefixed: this.prefixed })
      return { attributes, content: escapeText(text) }
    }
    const content =
      type.content === undefined
        ? ''
        : this.whole(type.content, new Pending(value, fields, at), at, encoded)
    const mixed = type.mixed === undefined ? undefined : member(value, type.mixed)
    if (mixed === undefined) return { attributes, content }
    if (typeof mixed !== 'string' || !isXmlText(mixed))
      throw new ArgumentFault(at(type.mixed ?? ''), 'must be a text without control characters')
    return { attributes, content: escapeText(mixed) + content }
  }

  private attribute(attribute: SoapAttribute, value: unknown, place: string): string {
    const { name, type, required, preset } = attribute
    if (value === undefined && !(required && preset !== undefined)) {
      if (required) throw new ArgumentFault(place, 'is missing')
      return ''
    }
    const text =
      value === undefined
        ? (preset ?? '')
        : simpleText(type, value, { place, prefixed: this.prefixed })
    const tag = name.namespace === xmlNames.xml ? `xml:${name.local}` : this.prefixed(name)
    return ` ${tag}="${escapeAttribute(text)}"`
  }

  private fieldsOf(particle: Particle | undefined): Fields {
    if (particle === undefined) return new Map()
    let fields = this.fields.get(particle)
    if (fields === undefined) {
      fields = fieldsOf(particle)
      this.fields.set(particle, fields)
    }
    return fields
  }

  private hasLeft(particle: Particle, pending: Pending): boolean {
    for (const property of this.fieldsOf(particle).keys())
      if (pending.left(property) > 0) return true
    return false
  }

  /** Whether an alternative takes all that is given for any. */
  private covers(one: Particle, given: readonly Particle[], pending: Pending): boolean {
    const fields = this.fieldsOf(one)
    return given.every((other) =>
      [...this.fieldsOf(other).keys()].every(
        (property) => fields.has(property) || pending.left(property) === 0,
      ),
    )
  }

  private particle(
    particle: Particle,
    pending: Pending,
    at: (property: string) => string,
    encoded: boolean,
  ): string {
    const write = (item: Particle): string => this.particle(item, pending, at, encoded)
    switch (particle.kind) {
      case 'element':
        return this.occurrences(particle, pending, at, encoded)
      case 'any': {
        const { from, values } = pending.take(particle.property, particle.max)
        return values
          .map((value, index) =>
            freeElement(value, `${at(particle.property)}[${from + index}]`, this.prefixed),
          )
          .join('')
      }
      case 'sequence':
      case 'all': {
        if (particle.property !== undefined) return this.units(particle, pending, at, encoded)
        const rounds: string[] = []
        if (particle.min === 0 && !this.hasLeft(particle, pending)) return ''
        do rounds.push(particle.items.map(write).join(''))
        while (rounds.length < (particle.max ?? Infinity) && this.hasLeft(particle, pending))
        return rounds.join('')
      }
      case 'choice': {
        if (particle.property !== undefined) return this.units(particle, pending, at, encoded)
        const rounds: string[] = []
        while (rounds.length < (particle.max ?? Infinity)) {
          const given = particle.items.filter((item) => this.hasLeft(item, pending))
          const chosen = given.find((item) => this.covers(item, given, pending)) ?? given[0]
          if (chosen === undefined) break
          rounds.push(write(chosen))
        }
        if (rounds.length === 0 && particle.min > 0) return this.unchosen(particle, write, at)
        return rounds.join('')
      }
    }
  }

  /** A group that repeats: each unit is an occurrence of it, in order. */
  private units(
    group: Group,
    pending: Pending,
    at: (property: string) => string,
    encoded: boolean,
  ): string {
    const { property = '', max } = group
    const { from, values } = pending.take(property, max)
    const field = this.fieldsOf(group).get(property)
    const { unit, min } = field ?? { unit: undefined, min: 0 }
    if (values.length < min)
      throw new ArgumentFault(
        at(property),
        values.length === 0 ? 'is missing' : `needs at least ${min} items`,
      )
    if (unit === undefined) return ''
    const fields = this.fieldsOf(unit)
    return values
      .map((value, index) => {
        const place = `${at(property)}[${from + index}]`
        const inside = (name: string): string => `${place}.${name}`
        if (!isMembers(value)) throw new ArgumentFault(place, 'must be an object')
        for (const name of Object.keys(value))
          if (!fields.has(name)) throw new ArgumentFault(inside(name), 'is not known here')
        return this.whole(unit, new Pending(value, fields, inside), inside, encoded)
      })
      .join('')
  }

  /** A content model with all that is given for it. */
  private whole(
    content: Particle,
    pending: Pending,
    at: (property: string) => string,
    encoded: boolean,
  ): string {
    const written = this.particle(content, pending, at, encoded)
    const rest = pending.remaining()
    if (rest === undefined) return written
    throw new ArgumentFault(
      at(rest),
      'cannot stand together with the others, or stands there too often',
    )
  }

  /** None of a choice was given: fine when one of them may be empty or has a preset value. */
  private unchosen(
    particle: Group,
    write: (item: Particle) => string,
    at: (property: string) => string,
  ): string {
    for (const item of particle.items)
      try {
        return write(item)
      } catch (thrown) {
        if (!(thrown instanceof ArgumentFault)) throw thrown
      }
    const names = [...this.fieldsOf(particle).keys()].map(at)
    throw new ArgumentFault(names[0] ?? '', `one of these is needed: ${names.join(', ')}`)
  }

  private occurrences(
    { element, min, max }: Extract<Particle, { kind: 'element' }>,
    pending: Pending,
    at: (property: string) => string,
    encoded: boolean,
  ): string {
    const place = at(element.property)
    const { from, values } = pending.take(element.property, max)
    if (values.length === 0 && min > 0 && element.preset !== undefined) {
      const tag = this.prefixed(element.name)
      return `<${tag}>${escapeText(element.preset)}</${tag}>`
    }
    if (values.length < min)
      throw new ArgumentFault(
        place,
        values.length === 0 ? 'is missing' : `needs at least ${min} items`,
      )
    const many = max === null || max > 1 || from > 0 || values.length > 1
    return values
      .map((value, index) =>
        this.element(element, value, many ? `${place}[${from + index}]` : place, encoded),
      )
      .join('')
  }

  /** SOAP 1.1 section 5.4.2, SOAP 1.2 part 2 section 3.1.6. */
  private array(
    item: SoapElement,
    value: unknown,
    place: string,
  ): { attributes: string; content: string } {
    if (!Array.isArray(value)) throw new ArgumentFault(place, 'must be an array')
    const content = value
      .map((one: unknown, index) => this.element(item, one, `${place}[${index}]`, true))
      .join('')
    const type = this.types[item.type]
    const builtin =
      type?.kind === 'simple' && type.simple.kind === 'atomic' ? type.simple.builtin : 'anyType'
    const name =
      type !== undefined && type.kind !== 'any' && type.name !== undefined
        ? type.name
        : { namespace: xmlNames.schema, local: builtin }
    const itemType = this.prefixed(name)
    if (this.version === '1.2') {
      const of = this.prefixed({ namespace: xmlNames.encoding12, local: 'itemType' })
      const size = this.prefixed({ namespace: xmlNames.encoding12, local: 'arraySize' })
      return { attributes: ` ${of}="${itemType}" ${size}="${value.length}"`, content }
    }
    const arrayType = this.prefixed({ namespace: xmlNames.encoding11, local: 'arrayType' })
    const array = this.typeAttribute({ namespace: xmlNames.encoding11, local: 'Array' })
    return { attributes: `${array} ${arrayType}="${itemType}[${value.length}]"`, content }
  }
}
