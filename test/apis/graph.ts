/**
 * A description with the shape of the very large ones of office suites: thousands of paths into entities that hold each
 * other, each operation about one of them, everything shared by reference.
 */
type Json = { [member: string]: unknown }

const entities = 1_500
const kinds = 200
const nameOf = (at: number): string => `suite.entity${at % entities}`
const refTo = (name: string): Json => ({ $ref: `#/components/schemas/${name}` })
const members = (count: number, make: (at: number) => readonly [string, unknown]): Json =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => make(at)))

function entity(at: number): Json {
  const own = members(14, (p) => [
    `property${p}`,
    p % 5 === 4
      ? {
          ...{ type: 'string', format: 'date-time', nullable: true },
          pattern: '^[0-9]{4,}-(0[1-9]|1[012])-(0[1-9]|[12][0-9]|3[01])$',
          description: `The time of ${p} that was set when the entity was made, by the service.`,
        }
      : p % 5 === 3
        ? { anyOf: [refTo(`suite.kind${at % kinds}`), { type: 'object', nullable: true }] }
        : { type: 'string', nullable: true, description: `Property ${p} as people see it.` },
  ])
  const relations = members(6, (n) => {
    const other = refTo(nameOf(at * 7 + n * 31 + 1))
    return [`relation${n}`, n % 2 === 0 ? other : { type: 'array', items: other }]
  })
  const properties = { ...own, ...relations, '@odata.type': { type: 'string' } }
  const itself = { title: `entity${at}`, required: ['@odata.type'], type: 'object', properties }
  return { allOf: [refTo('suite.entity'), itself] }
}

function operationsOf(at: number): Json {
  const id = `area${at % 40}.e${at}`
  const content = { 'application/json': { schema: refTo(nameOf(at)) } }
  const list = { 'application/json': { schema: refTo(`${nameOf(at)}Collection`) } }
  const requestBody = { required: true, content }
  const done = { '2XX': { description: 'Success', content }, '4XX': refToError }
  const common = ['top', 'skip', 'search', 'filter'].map((name) => ({
    $ref: `#/components/parameters/${name}`,
  }))
  return {
    get: {
      summary: `List ${at}`,
      operationId: `${id}.List`,
      parameters: common,
      responses: { '2XX': { description: 'Page', content: list } },
    },
    post: { summary: `Create ${at}`, operationId: `${id}.Create`, requestBody, responses: done },
    patch: { summary: `Update ${at}`, operationId: `${id}.Update`, requestBody, responses: done },
    delete: {
      summary: `Delete ${at}`,
      operationId: `${id}.Delete`,
      responses: { 204: { description: 'Gone' } },
    },
  }
}
const refToError = { $ref: '#/components/responses/error' }

/** The text of one with so many operations. */
export function graphOf(operations: number, url = 'https://graph.example/v1'): string {
  const schemas: Json = {
    'suite.entity': {
      type: 'object',
      required: ['@odata.type'],
      properties: { id: { type: 'string' }, '@odata.type': { type: 'string' } },
    },
    'suite.page': { type: 'object', properties: { '@odata.nextLink': { type: 'string' } } },
    ...members(kinds, (at) => [
      `suite.kind${at}`,
      { type: 'string', enum: Object.keys(members(8, (value) => [`value${value}`, 0])) },
    ]),
  }
  for (let at = 0; at < entities; at++) {
    const page = {
      type: 'object',
      properties: { value: { type: 'array', items: refTo(nameOf(at)) } },
    }
    schemas[nameOf(at)] = entity(at)
    schemas[`${nameOf(at)}Collection`] = { allOf: [refTo('suite.page'), page] }
  }
  const paths = members(Math.ceil(operations / 4), (at) => {
    const ids = Array.from({ length: 1 + (at % 3) }, (_, level) => `entity${level}-id`)
    const path = ids.map((name, level) => `/set${(at * (level + 1)) % 997}/{${name}}`).join('')
    const parameters = ids.map((name) => ({
      name,
      in: 'path',
      required: true,
      schema: { type: 'string' },
    }))
    return [`/area${at % 40}${path}/e${at}`, { parameters, ...operationsOf(at) }]
  })
  const query = (name: string, type: string): readonly [string, Json] => [
    name,
    { name: `$${name}`, in: 'query', schema: { type } },
  ]
  const parameters = Object.fromEntries([
    query('top', 'integer'),
    query('skip', 'integer'),
    query('search', 'string'),
    query('filter', 'string'),
  ])
  const responses = {
    error: {
      description: 'error',
      content: { 'application/json': { schema: refTo('suite.entity') } },
    },
  }
  const info = { title: 'Suite', version: 'v1.0' }
  return JSON.stringify({
    openapi: '3.0.4',
    info,
    servers: [{ url }],
    paths,
    components: { schemas, responses, parameters },
  })
}
