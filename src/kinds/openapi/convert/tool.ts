/** One operation as a tool with its plan. */
import type { ConvertedTool, Provided } from '../../../model/conversion.ts'
import type { OpenApiSpec, RestPlan } from '../../../model/kinds/openapi.ts'
import { flagAt, isObject, memberOf, textAt, textsAt } from '../../document/json.ts'
import { placeIn, type Spot } from '../../document/place.ts'
import { OperationFault } from '../../document/report.ts'
import type { Schemas } from '../../document/schemas.ts'
import { plainLine, plainText, shorten } from '../../text.ts'
import { annotationsOf } from './annotations.ts'
import { readAnswer } from './answer.ts'
import { buildArguments } from './arguments.ts'
import { type Body, readBody, readSwaggerBody } from './body.ts'
import { isJson } from './media.ts'
import type { Operation } from './operation.ts'
import { wordsOfId } from './operation-name.ts'
import { type Parameter, type Parameters, readParameters } from './parameters.ts'
import type { Security } from './security.ts'
import { baseUrlOf } from './servers.ts'
import { checkSpelling } from './spelling.ts'
import type { Suspects } from './suspects.ts'

export interface ToolContext {
  readonly spec: OpenApiSpec
  readonly root: Spot
  readonly schemas: Schemas
  readonly security: Security
  /** `info.version`. */
  readonly version: string
  readonly provided: Provided
  /** Arguments that may be credentials. */
  readonly suspects: Suspects
}

const descriptionCharsMax = 1_000
const summaryCharsMax = 200

/** @throws OperationFault when the operation cannot become a tool */
export function convertOperation(
  operation: Operation,
  name: string,
  context: ToolContext,
): ConvertedTool<RestPlan> {
  const { schemas, root, security, spec, provided } = context
  const { tools } = schemas
  const { method, path, spot, pathItem } = operation
  const { reporter, dialect } = tools
  checkSpelling(pathItem, 'a path item', reporter)
  checkSpelling(spot, 'an operation', reporter)
  const url = path.replace(/#.*$/s, '')
  const filled = [...provided.credential, ...security.places]
  const read = readParameters(spot, pathItem, url, { ...tools, filled })
  const parameters = read.parameters.map((parameter) => versioned(parameter, context))
  context.suspects.look(parameters)
  const body = bodyOf(operation, read, context)
  const args = buildArguments(parameters, body, method, schemas)
  const input = schemas.assemble(args.schema, args.references, 'input')
  const answer = readAnswer(spot, method, typesOf(spot, root, 'produces'), schemas)
  if (input.cut + answer.cut > 0)
    reporter.note(
      'schema_unusable',
      `${input.cut + answer.cut} schemas are not shown in full: the tool would be too large.`,
      spot.at,
    )
  const baseUrl = baseUrlOf([spot, pathItem, root], root, {
    dialect,
    configured: spec.baseUrl,
    variables: provided.variables,
    reporter,
    documents: tools.documents,
  })
  return {
    operation: operation.key,
    definition: {
      name,
      description: describe(operation, args.choices),
      inputSchema: input.schema,
      ...(answer.outputSchema === undefined ? {} : { outputSchema: answer.outputSchema }),
      annotations: annotationsOf(operation),
    },
    plan: {
      method,
      baseUrl,
      path: url,
      parameters: args.parameters,
      body: args.body,
      accept: read.accepts.find(isJson) ?? read.accepts[0] ?? answer.accept,
      security: security.of(spot, root),
      answerXml: answer.answerXml,
      structured: answer.outputSchema !== undefined,
    },
  }
}

/**
 * Azure and its like ask for the version of the API with every call, and the description is of one version. The
 * configuration may name another.
 */
function versioned(parameter: Parameter, { version, provided }: ToolContext): Parameter {
  const { name, required, schema } = parameter
  if (parameter.in !== 'query' || name.toLowerCase() !== 'api-version' || !required)
    return parameter
  if (!/^\d{4}-\d\d-\d\d(-[\w.]+)?$|^\d+\.\d+(-preview)?$/.test(version)) return parameter
  const { value } = schema
  const isOpen = ['$ref', 'enum', 'const', 'default'].every(
    (keyword) => memberOf(value, keyword) === undefined,
  )
  if (!isOpen || Object.hasOwn(provided.defaults, name)) return parameter
  return {
    ...parameter,
    schema: { value: { ...(isObject(value) ? value : {}), enum: [version] }, at: schema.at },
  }
}

function bodyOf(operation: Operation, read: Parameters, context: ToolContext): Body | undefined {
  const { spot } = operation
  const { tools } = context.schemas
  if (tools.dialect === '2.0')
    return readSwaggerBody(read.body, read.form, typesOf(spot, context.root, 'consumes'), tools)
  const body = readBody(spot, tools)
  if (body === 'lost')
    throw new OperationFault(
      'reference_unresolved',
      'The request body is a reference that leads nowhere.',
      placeIn(spot.at, 'requestBody'),
    )
  if (body?.otherForFiles !== undefined)
    tools.reporter.note(
      'feature_unsupported',
      `The body is sent as ${body.mediaType}; files, which ${body.otherForFiles} takes, are not.`,
      placeIn(spot.at, 'requestBody'),
    )
  return body
}

/** OpenAPI 2.0: media types of the operation, else of the description. */
function typesOf({ value }: Spot, root: Spot, key: 'consumes' | 'produces'): readonly string[] {
  return Array.isArray(memberOf(value, key)) ? textsAt(value, key) : textsAt(root.value, key)
}

/** The summary first: lists of tools are often shown by their first line. */
function describe(operation: Operation, choices: readonly string[]): string {
  const { key, spot, pathItem } = operation
  const { value } = spot
  const summary = plainLine(
    textAt(value, 'summary') ?? textAt(pathItem.value, 'summary') ?? '',
    summaryCharsMax,
  )
  const raw = textAt(value, 'description') ?? textAt(pathItem.value, 'description') ?? ''
  const text = plainText(raw, descriptionCharsMax)
  // Generators write the method and the path where nobody wrote a summary.
  const isBare = summary === '' || /^[A-Z]{3,7} \/\S*$/.test(summary)
  const first = isBare ? '' : withStop(summary)
  const repeated = !isBare && text.toLowerCase().startsWith(summary.toLowerCase())
  const head = repeated ? '' : first
  const deprecated =
    flagAt(value, 'deprecated') === true
      ? 'Deprecated: use it only when no other tool does the same.'
      : ''
  const needs = choices.map((choice) => `Needs at least one of: ${choice}.`)
  const tail = [deprecated, ...needs].filter((part) => part !== '')
  const whole = [head, text].filter((part) => part !== '').join('\n\n')
  const room = descriptionCharsMax - tail.join('\n').length
  const words = wordsOfId(operation)
  const named = words === undefined ? key : withStop(words)
  return [shorten(whole === '' ? named : whole, Math.max(room, 200)), ...tail].join('\n')
}

function withStop(sentence: string): string {
  return /[.!?:]$/.test(sentence) ? sentence : `${sentence}.`
}
