/** WSDL 1.1 to tools: one tool an operation, however many ports offer it. */

import { snake } from '../../../kit/snake.ts'
import { attributeOf } from '../../../kit/xml.ts'
import type {
  Conversion,
  ConversionCode,
  ConversionReport,
  ConvertedTool,
  Document,
  ReadDocument,
  ToolAnnotations,
} from '../../../model/conversion.ts'
import type { SoapCommon, SoapPlan, SoapSpec } from '../../../model/kinds/soap.ts'
import { select } from '../../selection.ts'
import { toolNames } from '../../tool-name.ts'
import { effectOf } from '../../verbs.ts'
import { messageSchema } from './json-schema.ts'
import { load } from './load.ts'
import { Messages } from './messages.ts'
import { Notes, OperationFault } from './notes.ts'
import { isUnprefixed, type Offer, offersOf } from './ports.ts'
import { documentationOf, SchemaSet } from './schema-set.ts'
import { Types } from './types.ts'
import { Wsdl } from './wsdl.ts'

const descriptionCharactersMax = 1_000
const wsdlExtensions = 'http://www.w3.org/ns/wsdl-extensions'

/** @throws ConversionFault when the WSDL cannot be read, or has nothing that could be called */
export async function convertSoap(
  spec: SoapSpec,
  description: Document,
  read: ReadDocument,
): Promise<Conversion<SoapPlan, SoapCommon>> {
  const notes = new Notes()
  const loaded = await load(description, read, notes)
  const wsdl = new Wsdl(loaded.wsdls)
  const types = new Types(new SchemaSet(loaded.schemas), notes)
  const messages = new Messages(wsdl, types)
  const offers = offersOf(wsdl)
  const { callable, skipped } = sorted(offers, spec)
  const names = toolNames(
    callable.map(({ operation, name, service, port }) => ({
      operation,
      wishes: [name, `${service}_${name}`, `${service}_${port}_${name}`],
    })),
  )
  const candidates = callable.map((offer) => ({
    operation: offer.operation,
    name: names.get(offer.operation) ?? offer.name,
    place: offer.place,
    offer,
  }))
  const selected = select(candidates, spec.operations)
  skipped.push(...selected.skipped)
  for (const { operation, code, reason, place } of selected.notes)
    notes.add(operation, code, reason, place)
  const tools: ConvertedTool<SoapPlan>[] = []
  for (const { name, offer } of selected.kept)
    try {
      tools.push(toolOf(offer, { name, spec, messages, types, notes }))
    } catch (thrown) {
      if (!(thrown instanceof OperationFault)) throw thrown
      const { code, message: reason, place } = thrown
      skipped.push({ operation: offer.operation, code, reason, place })
    }
  for (const { node, document } of wsdl.all('binding'))
    if (isUnprefixed(node))
      notes.add(
        '',
        'description_invalid',
        'the SOAP elements of a binding are in the namespace of WSDL; SOAP 1.1 is assumed',
        `${document.location}:${node.line}`,
      )
  const [root] = loaded.wsdls
  const title =
    wsdl.all('service')[0]?.name.local ?? (root && attributeOf(root.root, 'name')) ?? 'SOAP service'
  const [service] = wsdl.all('service')
  return {
    title,
    version: '',
    description:
      (root && documentationOf(root.root, descriptionCharactersMax)) ??
      (service && documentationOf(service.node, descriptionCharactersMax)),
    operations: offers.length,
    tools,
    skipped,
    notes: notes.reports,
    common: { types: Object.fromEntries(types.types) },
  }
}

/** Which operations are called where, and why the others are not. */
function sorted(
  offers: readonly Offer[],
  spec: SoapSpec,
): { callable: readonly Offer[]; skipped: ConversionReport[] } {
  const chosen = choose(offers, spec)
  const callable: Offer[] = []
  const skipped: ConversionReport[] = []
  for (const offer of offers) {
    const report = (code: ConversionCode, reason: string): void => {
      skipped.push({ operation: offer.operation, code, reason, place: offer.place })
    }
    const instead = chosen.get(offer.alternative)
    if (offer.transport !== undefined)
      report('transport_unsupported', `it is offered by ${offer.transport}, not by SOAP over HTTP`)
    else if (!isAsked(offer, spec))
      report('excluded', 'the configuration names another service or port')
    else if (instead !== undefined && instead !== offer)
      report(
        'duplicate',
        `the same operation is called at port ${instead.port}; "port" chooses another one`,
      )
    else callable.push(offer)
  }
  return { callable, skipped }
}

function isAsked(offer: Offer, { service, port }: SoapSpec): boolean {
  return (service ?? offer.service) === offer.service && (port ?? offer.port) === offer.port
}

/** Ports of a service with one port type are alternatives (WSDL 1.1 section 2.7): which of them is called. */
function choose(offers: readonly Offer[], spec: SoapSpec): ReadonlyMap<string, Offer> {
  const chosen = new Map<string, Offer>()
  for (const offer of offers) {
    if (offer.transport !== undefined || !isAsked(offer, spec)) continue
    const known = chosen.get(offer.alternative)
    if (known === undefined || (offer.version === spec.version && known.version !== spec.version))
      chosen.set(offer.alternative, offer)
  }
  return chosen
}

function endpointOf(offer: Offer, { endpoint }: SoapSpec): string {
  if (endpoint !== undefined) return endpoint
  const url = URL.parse(offer.address ?? '')
  // Templates such as https://{{SERVER}}/ are URLs to a parser, and places to nobody.
  const isPlace = url !== null && /^[\w.:[\]-]+$/.test(url.hostname)
  if (isPlace && (url.protocol === 'http:' || url.protocol === 'https:')) return url.href
  const found =
    offer.address === undefined
      ? 'it has no address'
      : `its address "${offer.address.slice(0, 200)}" is no http URL`
  throw new OperationFault(
    'description_invalid',
    `${found}; --base-url gives one, or soap.endpoint in a file`,
    offer.place,
  )
}

interface Compilers {
  readonly name: string
  readonly spec: SoapSpec
  readonly messages: Messages
  readonly types: Types
  readonly notes: Notes
}

function toolOf(
  offer: Offer,
  { name: toolName, spec, messages, types, notes }: Compilers,
): ConvertedTool<SoapPlan> {
  const plan = messages.plan(offer, endpointOf(offer, spec))
  const input = messageSchema(plan.input, types.types, 'in')
  const { output: answer } = plan
  const output =
    answer === undefined || answer.body.length + answer.headers.length === 0
      ? undefined
      : messageSchema(answer, types.types, 'out')
  const cut = [...input.cut, ...(output?.cut ?? [])]
  if (cut.length > 0)
    notes.add(
      offer.operation,
      'schema_unusable',
      `${cut.length} types are too many to describe and are left open, ${cut[0]} among them`,
      offer.place,
    )
  const { declared, bound, service, name } = offer
  const said =
    (declared && documentationOf(declared, descriptionCharactersMax)) ??
    documentationOf(bound, descriptionCharactersMax)
  const safe = declared && attributeOf(declared, 'safe', wsdlExtensions) === 'true'
  return {
    operation: offer.operation,
    definition: {
      name: toolName,
      title: titleOf(name),
      description: said ?? `Calls ${name} of the SOAP service ${service}.`,
      inputSchema: input.schema,
      ...(output === undefined ? {} : { outputSchema: output.schema }),
      annotations: { title: titleOf(name), openWorldHint: true, ...(safe ? reads : hintsOf(name)) },
    },
    plan,
  }
}

const reads = { readOnlyHint: true } as const

/** WSDL says nothing of side effects, unless with `wsdlx:safe`; what is left is the verb of the name. */
function hintsOf(name: string): ToolAnnotations {
  switch (effectOf(snake(name))) {
    case 'reads':
      return reads
    case 'adds':
      return { readOnlyHint: false, destructiveHint: false }
    case 'changes':
      return { readOnlyHint: false }
    case 'destroys':
      return { readOnlyHint: false, destructiveHint: true }
    case undefined:
      return {}
  }
}

/** `GetLastTradePrice` as `Get last trade price`; abbreviations stay. */
function titleOf(name: string): string {
  const words = name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replaceAll(/[_\s.-]+/g, ' ')
    .trim()
    .split(' ')
  return words
    .map((word, index) =>
      index === 0
        ? word.charAt(0).toUpperCase() + word.slice(1)
        : /^[A-Z][a-z]/.test(word)
          ? word.toLowerCase()
          : word,
    )
    .join(' ')
}
