/** OpenAPI 3.1 of the administration, from the same schemas that check requests and answers. */
import { z } from 'zod'
import { errorBody } from './contract/errors.ts'
import { hasQuery, pathMembers, type Route } from './contract/route.ts'
import { routes } from './contract/routes.ts'

type Json = Readonly<Record<string, unknown>>

export function openApi(version: string): Json {
  const paths: Record<string, Record<string, Json>> = {}
  for (const route of routes) {
    const operations = paths[route.path] ?? {}
    operations[route.method.toLowerCase()] = operationOf(route)
    paths[route.path] = operations
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Sallyport administration', version },
    paths,
    components: { schemas: { Error: plain(z.toJSONSchema(errorBody)) } },
  }
}

function operationOf(route: Route): Json {
  const schema = z.toJSONSchema(route.input, { io: 'input' })
  const inPath = pathMembers(route.path)
  const required = schema.required ?? []
  const members = Object.entries(schema.properties ?? {})
  const rest = members.filter(([name]) => !inPath.includes(name))
  const parameters = members.flatMap(([name, member]) => {
    const isInPath = inPath.includes(name)
    if (!isInPath && !hasQuery(route)) return []
    const at = isInPath ? 'path' : 'query'
    return [{ name, in: at, required: isInPath || required.includes(name), schema: member }]
  })
  const body = {
    type: 'object',
    properties: Object.fromEntries(rest),
    required: required.filter((name) => !inPath.includes(name)),
  }
  const media = route.lines === true ? 'application/x-ndjson' : 'application/json'
  const answer = plain(z.toJSONSchema(route.answer, { io: 'output' }))
  const hasBody = !hasQuery(route) && rest.length > 0
  return {
    operationId: route.id,
    summary: route.summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(hasBody
      ? { requestBody: { required: true, content: { 'application/json': { schema: body } } } }
      : {}),
    responses: {
      200: { description: 'Done', content: { [media]: { schema: answer } } },
      default: {
        description: 'Refused or failed',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
      },
    },
  }
}

/** Inside OpenAPI 3.1 the dialect is given by the document. */
function plain({ $schema: _, ...schema }: { readonly $schema?: unknown }): Json {
  return schema
}
