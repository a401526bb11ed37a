/**
 * Arguments that nobody needs to ask for: those with one legal value, and those that the configuration gives. What is
 * fixed is not shown; what has a default is no longer required. The gateway adds both to each call.
 */
import { nearest } from '../kit/nearest.ts'
import type {
  Conversion,
  ConversionReport,
  ConvertedTool,
  JsonSchema,
  Provided,
} from '../model/conversion.ts'

/** The same conversion with what is filled taken out of its tools, and a note for each name that fits nothing. */
export function fill(conversion: Conversion, provided: Provided): Conversion {
  const tools = conversion.tools.map((tool) => fillTool(tool, provided))
  const names = new Set(tools.flatMap(namesOf))
  const lost = (['fixed', 'defaults'] as const).flatMap((member) =>
    Object.keys(provided[member])
      .filter((name) => !names.has(name))
      .map((name): ConversionReport => {
        const meant = nearest(name, [...names])
        const hint = meant === undefined ? '' : `; did you mean "${meant}"?`
        const reason = `no tool has an argument "${name}"${hint}`
        return { operation: '', code: 'reference_unresolved', reason, place: member }
      }),
  )
  return { ...conversion, tools, notes: [...conversion.notes, ...lost] }
}

function namesOf({ definition, filled }: ConvertedTool<unknown>): readonly string[] {
  return [
    ...Object.keys(recordAt(definition.inputSchema, 'properties')),
    ...Object.keys(filled?.fixed ?? {}),
  ]
}

/** One tool of it; the same when nothing is filled. */
export function fillTool<Plan>(tool: ConvertedTool<Plan>, provided: Provided): ConvertedTool<Plan> {
  const { inputSchema } = tool.definition
  const properties = recordAt(inputSchema, 'properties')
  const required = new Set<unknown>(listAt(inputSchema, 'required'))
  const fixed: [string, string][] = []
  const defaults: [string, string][] = []
  const shown: [string, unknown][] = []
  for (const [name, schema] of Object.entries(properties)) {
    const value = Object.hasOwn(provided.fixed, name)
      ? fitting(provided.fixed[name], schema)
      : Object.hasOwn(provided.defaults, name) || !required.has(name)
        ? undefined
        : onlyValue(schema, inputSchema)
    if (value !== undefined) fixed.push([name, JSON.stringify(value)])
    else if (Object.hasOwn(provided.defaults, name)) {
      const preset = fitting(provided.defaults[name], schema)
      defaults.push([name, JSON.stringify(preset)])
      shown.push([name, { ...(isRecord(schema) ? schema : {}), default: preset }])
    } else shown.push([name, schema])
  }
  const filled = new Set([...fixed, ...defaults].map(([name]) => name))
  if (filled.size === 0) return tool
  const { required: _, ...rest } = inputSchema
  const needed = [...required].filter((name) => typeof name !== 'string' || !filled.has(name))
  return {
    ...tool,
    definition: {
      ...tool.definition,
      inputSchema: {
        ...rest,
        properties: Object.fromEntries(shown),
        ...(needed.length === 0 ? {} : { required: needed }),
      },
    },
    filled: {
      // `fromEntries` defines: an argument may be called __proto__.
      fixed: Object.fromEntries([...Object.entries(tool.filled?.fixed ?? {}), ...fixed]),
      defaults: Object.fromEntries([...Object.entries(tool.filled?.defaults ?? {}), ...defaults]),
    },
  }
}

/** People write `workspace: 42` also where the argument is a text. */
function fitting(value: unknown, schema: unknown): unknown {
  const isText = isRecord(schema) && schema['type'] === 'string'
  return isText && /^(number|boolean)$/.test(typeof value) ? String(value) : value
}

/** The one value that fits, also of a definition that is referred to; undefined when there are none or several. */
function onlyValue(schema: unknown, root: JsonSchema): unknown {
  const reference = isRecord(schema) ? schema['$ref'] : undefined
  const target =
    typeof reference === 'string' && reference.startsWith('#/$defs/')
      ? recordAt(root, '$defs')[reference.slice('#/$defs/'.length)]
      : undefined
  for (const one of [schema, target]) {
    if (!isRecord(one)) continue
    const values = Object.hasOwn(one, 'const') ? [one['const']] : listAt(one, 'enum')
    const [value] = values
    if (values.length === 1 && /^(string|number|boolean)$/.test(typeof value)) return value
  }
  return undefined
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function recordAt(holder: JsonSchema, key: string): Readonly<Record<string, unknown>> {
  const member = holder[key]
  return isRecord(member) ? member : {}
}

function listAt(holder: Readonly<Record<string, unknown>>, key: string): readonly unknown[] {
  const member = holder[key]
  return Array.isArray(member) ? member : []
}
