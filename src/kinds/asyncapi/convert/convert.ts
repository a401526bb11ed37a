/**
 * The compiler of AsyncAPI descriptions, 2.x and 3.x: each operation over WebSocket or server-sent events becomes a
 * tool with a plan, or a report of why not. The official parser is not used: docs/adr/0019-own-asyncapi-reader.md.
 */
import { messageOf } from '../../../kit/thrown.ts'
import {
  ConversionFault,
  type ConversionReport,
  type Convert,
  type ConvertedTool,
} from '../../../model/conversion.ts'
import type { AsyncApiCommon, AsyncApiPlan, AsyncApiSpec } from '../../../model/kinds/asyncapi.ts'
import { Documents } from '../../document/documents.ts'
import { memberOf, textAt } from '../../document/json.ts'
import { pointerOf } from '../../document/place.ts'
import { parseDocument } from '../../document/read.ts'
import { OperationFault, Reporter } from '../../document/report.ts'
import { Schemas } from '../../document/schemas.ts'
import { select } from '../../selection.ts'
import { plainLine, plainText } from '../../text.ts'
import { toolNames } from '../../tool-name.ts'
import { Memory } from './memory.ts'
import type { Operation, Verb, Version } from './operation.ts'
import { listOperations, readOperation, sendersOf } from './operations.ts'
import { Security } from './security.ts'
import { clientWord } from './side.ts'
import { convertOperation, type ToolContext } from './tool.ts'
import { validate } from './validate.ts'

const titleCharsMax = 120
const descriptionCharsMax = 600

export const convertAsyncapi: Convert<AsyncApiSpec, AsyncApiPlan, AsyncApiCommon> = async (
  spec,
  description,
  read,
  provided,
) => {
  const documents = await Documents.load(description, await parseDocument(description), read)
  const { root } = documents
  const version = versionOf(root.value)
  const reporter = new Reporter(root.at.document)
  await validate(documents, version, reporter)
  const operations = listOperations(documents, version)
  const word =
    spec.describes === undefined
      ? clientWord(documents, operations, { version, senders: new Map() })
      : undefined
  if (word !== undefined)
    reporter.note(
      'description_invalid',
      `It sends ${JSON.stringify(word.slice(0, 80))}, as only clients do, so it is taken for the description of a client: what it sends, tools send. "describes: server" reads it as that of the server.`,
      root.at,
    )
  const describes = spec.describes ?? (word === undefined ? 'server' : 'client')
  const context: ToolContext = {
    documents,
    spec,
    version,
    schemas: new Schemas(documents, '3.1', reporter),
    security: new Security(documents, reporter, version),
    filled: [
      ...(provided?.credential ?? []),
      ...Object.keys(spec.headers).map((name) => ({ in: 'header' as const, name })),
    ],
    reading: {
      version,
      describes,
      senders: version === 3 ? sendersOf(documents, operations, describes) : new Map(),
      memory: new Memory(),
    },
  }
  const names = toolNames(
    operations.map((operation) => ({
      operation: operation.key,
      wishes: wishesOf(operation, context),
    })),
  )
  const selected = select(
    operations.map((source) => ({
      source,
      operation: source.key,
      name: names.get(source.key) ?? source.key,
      place: pointerOf(source.spot.at),
    })),
    spec.operations,
  )
  const tools: ConvertedTool<AsyncApiPlan>[] = []
  const skipped: ConversionReport[] = [...selected.skipped]
  for (const { source, name } of selected.kept) {
    reporter.begin(source.key)
    const tool = attempt(source, name, context)
    if (tool instanceof OperationFault)
      skipped.push({ operation: source.key, ...reporter.report(tool.code, tool.message, tool.at) })
    else tools.push(tool)
  }
  reporter.begin('')
  const info = memberOf(root.value, 'info')
  const about = plainText(textAt(info, 'description') ?? '', descriptionCharsMax)
  return {
    title: plainLine(textAt(info, 'title') ?? 'API', titleCharsMax) || 'API',
    version: plainLine(textAt(info, 'version') ?? '', 60) || '0',
    description: about === '' ? undefined : about,
    operations: operations.length,
    tools,
    skipped,
    notes: [...selected.notes, ...reporter.notes],
    common: { security: context.security.common() },
  }
}

/** @throws ConversionFault version_unknown, description_invalid */
function versionOf(root: unknown): Version {
  const version = textAt(root, 'asyncapi')
  if (version === undefined)
    throw new ConversionFault(
      'description_invalid',
      'It has no `asyncapi`: it is no AsyncAPI description.',
      '#',
    )
  if (/^2(\.\d+)*$/.test(version)) return 2
  if (/^3(\.\d+)*$/.test(version)) return 3
  throw new ConversionFault(
    'version_unknown',
    `AsyncAPI ${version.slice(0, 60)} is not supported; 2.x and 3.x are.`,
    '#/asyncapi',
  )
}

const ownVerb = /^(?:[Rr]eceive|[Ss]end|[Pp]ublish|[Ss]ubscribe|[Oo]n|[Tt]ake)(?=[A-Z_\s/-])/

/** Ids say what the service does; a tool is called by what its caller does. */
function wishesOf(operation: Operation, context: ToolContext): string[] {
  const { documents, reading } = context
  let verb: Verb
  try {
    verb = readOperation(documents, operation, reading).verb
  } catch {
    return [operation.id]
  }
  const bare = operation.id.replace(ownVerb, '').trim()
  const rest = bare === '' ? operation.id : bare
  const name = verb === 'ask' ? rest : `${verb} ${rest}`
  return [name, `${verb} ${operation.id}`]
}

/** A fault of one operation stays with it, also one that nobody thought of. */
function attempt(operation: Operation, name: string, context: ToolContext) {
  try {
    return convertOperation(operation, name, context)
  } catch (thrown) {
    if (thrown instanceof OperationFault) return thrown
    if (thrown instanceof RangeError)
      return new OperationFault('schema_unusable', 'It is nested too deep.', operation.spot.at)
    const why = messageOf(thrown)
    return new OperationFault('description_invalid', `It cannot be read: ${why}`, operation.spot.at)
  }
}
