/**
 * The compiler of OpenAPI descriptions: 2.0, 3.0, 3.1, and of 3.2 what it adds to operations. Each operation becomes
 * a tool with a plan, or a report of why not; a fault in one operation never costs another.
 */
import { messageOf } from '../../../kit/thrown.ts'
import {
  type Conversion,
  ConversionFault,
  type ConversionReport,
  type Convert,
  type ConvertedTool,
  nothingProvided,
} from '../../../model/conversion.ts'
import type { OpenApiSpec, RestCommon, RestPlan } from '../../../model/kinds/openapi.ts'
import { dialectOf } from '../../document/dialect.ts'
import { Documents } from '../../document/documents.ts'
import { isObject, memberOf, textAt } from '../../document/json.ts'
import { placeIn, pointerOf } from '../../document/place.ts'
import { parseDescription } from '../../document/read.ts'
import { OperationFault, Reporter } from '../../document/report.ts'
import { Schemas } from '../../document/schemas.ts'
import { fillTool } from '../../fill.ts'
import { select } from '../../selection.ts'
import { plainLine, plainText } from '../../text.ts'
import { toolNames } from '../../tool-name.ts'
import { importObject, importText } from './import/import.ts'
import { Links, type Made } from './links.ts'
import type { Operation } from './operation.ts'
import { nameCandidates } from './operation-name.ts'
import { listOperations } from './operations.ts'
import { Security } from './security.ts'
import { Suspects } from './suspects.ts'
import { convertOperation, type ToolContext } from './tool.ts'

const titleCharsMax = 120
const descriptionCharsMax = 600

export const convertOpenapi: Convert<OpenApiSpec, RestPlan, RestCommon> = async (
  spec,
  description,
  read,
  provided,
) => {
  const imported = importText(description)
  const { root: parsed, repeated } =
    imported === undefined
      ? await parseDescription(description)
      : { root: imported.description, repeated: [] }
  const { description: object, notes: importNotes } = imported ??
    importObject(parsed) ?? { description: parsed, notes: [] }
  const documents = await Documents.load(description, object, read)
  const { root } = documents
  const dialect = dialectOf(object)
  if (
    !isObject(documents.member(root, 'paths')?.value) &&
    memberOf(root.value, 'webhooks') === undefined
  )
    throw new ConversionFault('description_invalid', 'It has no `paths`.', '#/paths')
  const reporter = new Reporter(root.at.document)
  const { found, lost } = listOperations(documents, repeated, reporter)
  const security = new Security(documents, dialect, reporter)
  const context: ToolContext = {
    spec,
    root,
    security,
    schemas: new Schemas(documents, dialect, reporter),
    version: versionOf(documents),
    provided: {
      ...(provided ?? nothingProvided),
      credential: [
        ...(provided?.credential ?? []),
        ...Object.keys(spec.headers).map((name) => ({ in: 'header' as const, name })),
      ],
    },
    suspects: new Suspects(),
  }
  const skipped: ConversionReport[] = lost.map(({ key, code, reason, at }) => ({
    operation: key,
    ...reporter.report(code, reason, at),
  }))
  const names = toolNames(
    found.map((operation) => ({ operation: operation.key, wishes: nameCandidates(operation) })),
  )
  const selected = select(
    found.map((operation) => ({
      source: operation,
      operation: operation.key,
      name: names.get(operation.key) ?? operation.key,
      place: pointerOf(operation.spot.at),
    })),
    spec.operations,
  )
  skipped.push(...selected.skipped)
  const made: Made[] = []
  for (const { source, name } of selected.kept) {
    reporter.begin(source.key)
    const tool = attempt(source, name, context)
    if (tool instanceof OperationFault)
      skipped.push({ operation: source.key, ...reporter.report(tool.code, tool.message, tool.at) })
    else made.push({ source, tool: provided === undefined ? tool : fillTool(tool, provided) })
  }
  noteSame(made, reporter)
  const links = new Links({
    documents,
    reporter,
    operations: found,
    selected: new Set(selected.kept.map(({ source }) => source)),
    made,
  })
  const tools: ConvertedTool<RestPlan>[] = []
  for (const one of made) {
    reporter.begin(one.source.key)
    tools.push(dialect === '2.0' ? one.tool : links.linked(one))
  }
  reporter.begin('')
  const info = documents.member(root, 'info')?.value
  const words = [textAt(info, 'summary'), textAt(info, 'description')].filter(
    (text) => text !== undefined,
  )
  const about = plainText(words.join('\n\n'), descriptionCharsMax)
  return {
    title: plainLine(textAt(info, 'title') ?? 'API', titleCharsMax) || 'API',
    version: context.version || '0',
    description: about === '' ? undefined : about,
    operations: found.length + lost.length,
    tools,
    skipped,
    notes: [
      ...context.suspects.notes(made.length),
      ...importNotes.map((note) => ({ operation: '', ...note })),
      ...selected.notes,
      ...reporter.notes,
    ],
    common: { security: security.common() },
  } satisfies Conversion<RestPlan, RestCommon>
}

function versionOf(documents: Documents): string {
  const info = documents.member(documents.root, 'info')?.value
  return plainLine(textAt(info, 'version') ?? '', 60)
}

/** What stands behind `#` is sent to nobody: operations that differ only there are one request. */
function noteSame(made: readonly Made[], reporter: Reporter): void {
  const first = new Map<string, Operation>()
  for (const { source, tool } of made) {
    if (!source.path.includes('#')) continue
    const { method, path } = tool.plan
    const request = `${method} ${path} ${JSON.stringify(tool.filled?.fixed ?? {})}`
    const same = first.get(request)
    if (same === undefined) first.set(request, source)
    else {
      reporter.begin(source.key)
      reporter.note(
        'shadowed',
        `It sends the same request as ${same.key}: what stands behind # is not sent.`,
        source.spot.at,
      )
    }
  }
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
    return new OperationFault(
      'description_invalid',
      `It cannot be read: ${why}`,
      placeIn(operation.spot.at, 'parameters'),
    )
  }
}
