/** Messages of a description: what their payload is, how it is written, and where it carries a correlation id. */

import { namedBy } from '../../../kit/json-pointer.ts'
import type { Fit, StreamMessage } from '../../../model/kinds/asyncapi.ts'
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
import { OperationFault } from '../../document/report.ts'
import type { Message } from './operation.ts'
import { follow, traitMember, traitText } from './operations.ts'

/** Schema formats that are JSON Schema, or close enough to be read as it. */
const jsonSchemas =
  /^application\/(vnd\.aai\.asyncapi|schema\+(json|yaml)|vnd\.oai\.openapi)[^;]*(;|$)/i

/** @throws OperationFault */
export function readMessage(documents: Documents, spot: Spot): Message {
  const contentType =
    traitText(documents, spot, 'contentType') ??
    textAt(documents.root.value, 'defaultContentType') ??
    'application/json'
  const json = /^application\/(json|[^;]*\+json)\s*(;|$)/i.test(contentType)
  if (!json && !/^text\//i.test(contentType))
    throw new OperationFault(
      'feature_unsupported',
      `Its messages are ${contentType.slice(0, 80)}; JSON and text are supported.`,
      spot.at,
    )
  return {
    spot,
    name: traitText(documents, spot, 'name'),
    title: traitText(documents, spot, 'title'),
    summary: traitText(documents, spot, 'summary') ?? traitText(documents, spot, 'description'),
    payload: payloadOf(documents, spot),
    json,
    correlation: correlationOf(documents, spot),
  }
}

function payloadOf(documents: Documents, message: Spot): Spot | undefined {
  const payload = traitMember(documents, message, 'payload')
  if (payload === undefined) return undefined
  // Version 3: a Multi Format Schema Object; version 2: the format stands beside the payload.
  const format =
    textAt(payload.value, 'schemaFormat') ?? traitText(documents, message, 'schemaFormat')
  if (format !== undefined && !jsonSchemas.test(format))
    throw new OperationFault(
      'schema_unusable',
      `Its payload is described as ${format.slice(0, 80)}, which is no JSON Schema.`,
      payload.at,
    )
  const inner = memberOf(payload.value, 'schema')
  return textAt(payload.value, 'schemaFormat') !== undefined && inner !== undefined
    ? { value: inner, at: placeIn(payload.at, 'schema') }
    : payload
}

/** Runtime expressions (AsyncAPI, section on them) into the payload; over these transports messages have no headers. */
function correlationOf(documents: Documents, message: Spot): readonly string[] | undefined {
  const raw = traitMember(documents, message, 'correlationId')
  if (raw === undefined) return undefined
  const expression = textAt(follow(documents, raw).value, 'location') ?? ''
  const pointer = /^\$message\.payload#(\/[^#]{1,300})$/.exec(expression)?.[1]
  return pointer?.slice(1).split('/').map(namedBy)
}

/** Of which type a correlation id is. */
export function correlationType(
  documents: Documents,
  payload: Spot | undefined,
  path: readonly string[],
): 'string' | 'integer' {
  let spot = payload
  for (const key of path) {
    if (spot === undefined) break
    const found = documents.target(spot)
    const properties = found.kind === 'found' ? objectAt(found.spot.value, 'properties') : undefined
    const member = memberOf(properties, key)
    spot =
      found.kind === 'found' && member !== undefined
        ? { value: member, at: placeIn(placeIn(found.spot.at, 'properties'), key) }
        : undefined
  }
  const found = spot === undefined ? undefined : documents.target(spot)
  const type = found?.kind === 'found' ? memberOf(found.spot.value, 'type') : undefined
  return type === 'integer' || type === 'number' ? 'integer' : 'string'
}

const fitDepthMax = 4
const fitPartsMax = 60
const fitValuesMax = 100

export function streamMessage(documents: Documents, message: Message): StreamMessage {
  const { payload, correlation } = message
  return { fit: payload === undefined ? {} : fitOf(documents, payload, 0), correlation }
}

/** What of a schema tells its messages from others. */
function fitOf(documents: Documents, raw: Spot, depth: number): Fit {
  const found = documents.target(raw)
  if (found.kind === 'lost' || !isObject(found.spot.value) || depth > fitDepthMax) return {}
  const { value, at } = found.spot
  const types = memberOf(value, 'type') === undefined ? [] : readTypes(value['type']).types
  const fixed = memberOf(value, 'const')
  const allowed = fixed === undefined ? listAt(value, 'enum').slice(0, fitValuesMax + 1) : [fixed]
  const required = textsAt(value, 'required').slice(0, fitPartsMax)
  const properties = membersOf(memberOf(value, 'properties'))
    .slice(0, fitPartsMax)
    .map(([name, schema]): [string, Fit] => [
      name,
      fitOf(documents, { value: schema, at: placeIn(placeIn(at, 'properties'), name) }, depth + 1),
    ])
    .filter(([, fit]) => Object.keys(fit).length > 0)
  const parts = (keyword: string): Fit[] =>
    listAt(value, keyword)
      .slice(0, fitPartsMax)
      .map((schema, index) =>
        fitOf(
          documents,
          { value: schema, at: placeIn(placeIn(at, keyword), String(index)) },
          depth + 1,
        ),
      )
  const all = parts('allOf').filter((fit) => Object.keys(fit).length > 0)
  const any = [...parts('anyOf'), ...parts('oneOf')]
  return {
    ...(types.length === 0 ? {} : { types }),
    ...(allowed.length === 0 || allowed.length > fitValuesMax
      ? {}
      : { values: allowed.map((one) => JSON.stringify(one)) }),
    ...(required.length === 0 ? {} : { required }),
    ...(properties.length === 0 ? {} : { properties: Object.fromEntries(properties) }),
    ...(all.length === 0 ? {} : { all }),
    ...(any.length === 0 || any.some((fit) => Object.keys(fit).length === 0) ? {} : { any }),
  }
}
