/** REST descriptions by the public door: what a tool asks for, and what its call sends. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dig } from './json.ts'
import { type Described, type RestRecorder, startRestRecorder } from './rest-recorder.ts'

const head = (version: string): string =>
  version === '2.0'
    ? "swagger: '2.0'\ninfo: {title: T, version: '1'}\nhost: HOST\nschemes: [http]\n"
    : `openapi: ${version}\ninfo: {title: T, version: '1'}\nservers: [{url: 'ORIGIN'}]\n`

/** A description of one operation that takes one body. */
const bodied = (version: string, content: string, more = ''): string =>
  `${head(version)}paths:
  /body: {post: {operationId: send, requestBody: {required: true, content: ${content}}, responses: {'200': {description: ok}}}}
${more}`

const described: Readonly<Record<string, Described>> = {
  chains: {
    spec: `${head('3.1.0')}paths:
  /orders: {post: {operationId: order, requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/Urgent'}}}}, responses: {'200': {description: ok}}}}
  /form: {post: {operationId: form, requestBody: {required: true, content: {application/x-www-form-urlencoded: {schema: {$ref: '#/components/schemas/Urgent'}}}}, responses: {'200': {description: ok}}}}
  /leaf: {get: {operationId: leaf, parameters: [{name: size, in: query, schema: {$ref: '#/components/schemas/Small'}}], responses: {'200': {description: ok}}}}
  /part: {get: {operationId: part, parameters: [{name: flag, in: query, schema: {$ref: '#/components/schemas/Urgent/properties/urgent'}}], responses: {'200': {description: ok}}}}
  /xml: {post: {operationId: xml, requestBody: {required: true, content: {application/xml: {schema: {$ref: '#/components/schemas/Marked'}}}}, responses: {'200': {description: ok}}}}
components:
  schemas:
    Order: {type: object, properties: {name: {type: string}, id: {$ref: '#/components/schemas/Hidden'}}, required: [name]}
    Urgent: {$ref: '#/components/schemas/Middle', properties: {urgent: {type: boolean}}, required: [urgent]}
    Middle: {$ref: '#/components/schemas/Order', properties: {when: {type: string}}}
    Marked: {$ref: '#/components/schemas/Order', xml: {name: marked}, properties: {tag: {type: string, xml: {attribute: true}}}}
    Hidden: {$ref: '#/components/schemas/Id', readOnly: true}
    Id: {type: string}
    Size: {type: integer, maximum: 100}
    Smaller: {$ref: '#/components/schemas/Size', minimum: 3}
    Small: {$ref: '#/components/schemas/Smaller', maximum: 10, description: A size}
`,
  },
  files: {
    spec: bodied('3.0.3', '{application/octet-stream: {schema: {type: string, format: binary}}}'),
  },
  pictures: {
    spec: `${head('3.0.3')}paths:
  /upload: {post: {operationId: upload, requestBody: {required: true, content: {multipart/form-data: {schema: {type: object, properties: {photo: {type: string, format: binary}, any: {type: string, format: binary}}}, encoding: {photo: {contentType: 'image/png, image/jpeg'}}}}}, responses: {'200': {description: ok}}}}
  /avatar: {put: {operationId: avatar, requestBody: {required: true, content: {'image/*': {schema: {type: string, format: binary}}}}, responses: {'200': {description: ok}}}}
  /any: {put: {operationId: any, requestBody: {required: true, content: {'*/*': {schema: {type: string, format: binary}}}}, responses: {'200': {description: ok}}}}
  /either: {put: {operationId: either, requestBody: {required: true, content: {image/png: {schema: {type: string, format: binary}}, image/gif: {schema: {type: string, format: binary}}}}, responses: {'200': {description: ok}}}}
  /csv: {put: {operationId: csv, requestBody: {required: true, content: {text/csv: {schema: {type: string, format: binary}}}}, responses: {'200': {description: ok}}}}
`,
  },
  forms: {
    spec: `${head('3.0.3')}paths:
  /save: {post: {operationId: save, requestBody: {required: true, content: {application/x-www-form-urlencoded: {schema: {type: object, properties: {name: {type: string}, tags: {type: array, items: {type: string}}, address: {type: object, properties: {name: {type: string}, zip: {type: object, properties: {code: {type: integer}}}}}, styled: {type: object, properties: {a: {type: string}}}}}, encoding: {styled: {style: form, explode: true}}}}}, responses: {'200': {description: ok}}}}
  /free: {post: {operationId: free, requestBody: {required: true, content: {application/x-www-form-urlencoded: {schema: {type: object, additionalProperties: true}}}}, responses: {'200': {description: ok}}}}
  /mixed: {post: {operationId: mixed, requestBody: {required: true, content: {multipart/form-data: {schema: {type: object, properties: {doc: {type: object, xml: {name: document}, properties: {id: {type: integer, xml: {attribute: true}}, text: {type: string}}}}}, encoding: {doc: {contentType: application/xml}}}}}, responses: {'200': {description: ok}}}}
`,
  },
  cases: {
    spec: `${head('3.0.3')}paths:
  /things: {get: {operationId: things, parameters: [{name: Ids, in: query, schema: {type: array, items: {type: integer}}}, {name: ids, in: query, schema: {type: integer}}], responses: {'200': {description: ok}}}}
  /body: {post: {operationId: body, requestBody: {content: {application/json: {schema: {type: object, properties: {Id: {type: integer}, id: {type: integer}}}}}}, responses: {'200': {description: ok}}}}
`,
  },
  patterns: {
    spec: `${head('3.0.3')}paths:
  /a:
    get:
      operationId: check
      parameters:
        - {name: code, in: query, schema: {type: string, pattern: '/^[A-Z]{2}$/'}}
        - {name: word, in: query, schema: {type: string, pattern: '/^ab$/i'}}
        - {name: php, in: query, schema: {type: string, pattern: '#^\\d+$#'}}
        - {name: slash, in: query, schema: {type: string, pattern: '/^[/a]+\\/x$/u'}}
        - {name: path, in: query, schema: {type: string, pattern: '^/v1/'}}
        - {name: twice, in: query, schema: {type: string, pattern: '^(?<c>a|b)\\k<c>$'}}
        - {name: dot, in: query, schema: {type: string, pattern: '/^a.b$/s'}}
      responses: {'200': {description: ok}}
`,
  },
  identified: {
    spec: `${head('3.1.0')}paths:
  /o: {post: {operationId: send, requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/Order'}}}}, responses: {'200': {description: ok}}}}
  /far: {post: {operationId: far, requestBody: {required: true, content: {application/json: {schema: {$ref: 'https://schemas.invalid/far.json'}}}}, responses: {'200': {description: ok}}}}
  /named: {post: {operationId: named, requestBody: {required: true, content: {application/json: {schema: {$ref: 'addr.json#place'}}}}, responses: {'200': {description: ok}}}}
components:
  schemas:
    Order: {$id: order.json, type: object, properties: {line: {$ref: '#/$defs/Line'}, addr: {$ref: addr.json}, far: {$ref: '#/components/schemas/Plain'}}, $defs: {Line: {type: object, properties: {sku: {type: string}}}}}
    Addr: {$id: addr.json, type: object, properties: {zip: {type: string}}, $defs: {p: {$anchor: place, type: object, properties: {street: {type: string}}}}}
    Far: {$id: 'https://schemas.invalid/far.json', type: object, properties: {near: {$ref: near.json}}}
    Near: {$id: 'https://schemas.invalid/near.json', type: object, properties: {inner: {type: string}}}
    Plain: {type: object, properties: {plain: {type: string}}}
`,
  },
  collections: {
    spec: `${head('2.0')}paths:
  /p/{ids}:
    get:
      operationId: listed
      parameters:
        - {name: ids, in: path, required: true, type: array, items: {type: string}, collectionFormat: pipes}
        - {name: X-H, in: header, type: array, items: {type: integer}, collectionFormat: pipes}
        - {name: X-T, in: header, type: array, items: {type: integer}, collectionFormat: ssv}
        - {name: rows, in: query, type: array, collectionFormat: pipes, items: {type: array, items: {type: integer}}}
        - {name: cols, in: query, type: array, collectionFormat: multi, items: {type: array, collectionFormat: ssv, items: {type: integer}}}
      responses: {'200': {description: ok}}
  /up:
    post:
      operationId: up
      consumes: [multipart/form-data]
      parameters:
        - {name: f, in: formData, type: file}
        - {name: csv, in: formData, type: array, items: {type: integer}, collectionFormat: csv}
        - {name: pipes, in: formData, type: array, items: {type: integer}, collectionFormat: pipes}
        - {name: multi, in: formData, type: array, items: {type: integer}, collectionFormat: multi}
      responses: {'200': {description: ok}}
`,
  },
  charsets: {
    spec: `${head('3.0.3')}paths:
  /note: {post: {operationId: note, requestBody: {required: true, content: {'text/plain; charset=iso-8859-1': {schema: {type: string}}}}, responses: {'200': {description: ok}}}}
  /xml: {post: {operationId: xml, requestBody: {required: true, content: {'text/xml; charset=ISO-8859-1': {schema: {type: object, xml: {name: r}, properties: {a: {type: string}}}}}}, responses: {'200': {description: ok}}}}
  /json: {post: {operationId: json, requestBody: {required: true, content: {'application/json; charset="latin1"; v=2': {schema: {type: object, properties: {a: {type: string}}}}}}, responses: {'200': {description: ok}}}}
  /form: {post: {operationId: form, requestBody: {required: true, content: {'application/x-www-form-urlencoded;charset=windows-1252': {schema: {type: object, properties: {a: {type: string}}}}}}, responses: {'200': {description: ok}}}}
`,
  },
  pets: {
    spec: bodied(
      '3.0.3',
      "{application/json: {schema: {$ref: '#/components/schemas/Pet'}}}",
      `components:
  schemas:
    Pet: {type: object, required: [kind], properties: {kind: {type: string}}, discriminator: {propertyName: kind, mapping: {cat: '#/components/schemas/Cat', dog: Dog}}}
    Cat: {allOf: [{$ref: '#/components/schemas/Pet'}, {type: object, properties: {lives: {type: integer}}, required: [lives]}]}
    Dog: {allOf: [{$ref: '#/components/schemas/Pet'}, {type: object, properties: {bark: {type: string}}}]}
`,
    ),
  },
  animals: {
    spec: `${head('2.0')}paths:
  /body: {post: {operationId: send, parameters: [{name: b, in: body, required: true, schema: {type: object, properties: {pets: {type: array, items: {$ref: '#/definitions/Pet'}}}}}], responses: {'200': {description: ok, schema: {$ref: '#/definitions/Pet'}}}}}
definitions:
  Pet: {type: object, required: [kind], properties: {kind: {type: string}}, discriminator: kind}
  Cat: {allOf: [{$ref: '#/definitions/Pet'}, {type: object, properties: {lives: {type: integer}}, required: [lives]}]}
  Lion: {x-ms-discriminator-value: '#Zoo.Lion', allOf: [{$ref: '#/definitions/Cat'}, {type: object, properties: {pride: {type: string}}}]}
`,
  },
  hints: {
    spec: `${head('3.0.3')}paths:
  /data-sets/{id}: {get: {operationId: ReadDataSet, summary: Returns a data set, parameters: [{name: id, in: path, required: true, schema: {type: string}}], responses: {'200': {description: ok}}}}
  /policies: {get: {operationId: PolicySetDefinitions_List, summary: Lists policy set definitions, responses: {'200': {description: ok}}}}
  /users.profile.set: {post: {operationId: users_profile_set, description: 'Set the [profile][a.b.Profile] of a user, see [Scopes](https://x.example/scopes).', responses: {'200': {description: ok}}}}
  /applications/{application_id}: {patch: {operationId: update_application, summary: 'PATCH /applications/{application_id}', parameters: [{name: application_id, in: path, required: true, description: The application ID., schema: {type: string}}, {name: name, in: query, description: How it is shown, schema: {type: string}}], responses: {'200': {description: ok}}}}
  /deleteUser: {get: {responses: {'200': {description: ok}}}, post: {operationId: post-deleteUser, responses: {'200': {description: ok}}}}
  /comments: {get: {responses: {'200': {description: ok}}}}
`,
  },
  written: {
    spec: `${head('3.0.3')}paths:
  /w: {get: {operationId: written, parameters: [{name: v, in: query, schema: {type: string, enum: [1.0, 1.10, 007, True], default: 1.10}}, {name: n, in: query, schema: {type: number, enum: [1.0, 1.10]}}], responses: {'200': {description: ok}}}}
`,
  },
  references: {
    spec: `openapi: 3.0.3
info: {$ref: info.yaml}
servers: [{$ref: 'parts.yaml#/server'}]
paths: {$ref: paths.yaml}
components:
  responses: {$ref: 'parts.yaml#/responses'}
`,
    files: {
      'info.yaml': "title: Cloud\nversion: '1'\n",
      'paths.yaml': `
/droplets/{id}: {$ref: items/droplet.yaml}
/lists:
  parameters: {$ref: 'parts.yaml#/common'}
  get:
    operationId: lists
    responses: {$ref: 'parts.yaml#/responses'}
  post: {$ref: nowhere.yaml}
/bodies:
  post:
    operationId: bodies
    requestBody: {content: {$ref: 'parts.yaml#/content'}}
    responses: {'200': {description: ok}}
`,
      'items/droplet.yaml':
        'get: {$ref: get_droplet.yml}\ndelete: {$ref: get_droplet.yml, operationId: drop}\n',
      'items/get_droplet.yml': `
operationId: droplets_get
summary: Retrieve a droplet
parameters:
  - {name: id, in: path, required: true, schema: {type: integer}}
  - {$ref: ../parts.yaml#/verbose, description: Say more}
responses: {'200': {description: ok}}
`,
      'parts.yaml': `
server: {url: 'ORIGIN'}
verbose: {name: verbose, in: query, description: No, schema: {type: boolean}, examples: {a: {$ref: '#/shown'}}}
shown: {value: true}
common: [{name: page, in: query, schema: {type: integer}}]
responses: {'200': {description: ok, content: {application/json: {schema: {type: object, properties: {name: {type: string}}}}}}}
content: {application/json: {$ref: '#/media'}}
media: {schema: {type: object, properties: {$ref: '#/members'}}}
members: {name: {type: string}}
`,
    },
  },
}

let rest: RestRecorder

beforeAll(async () => {
  rest = await startRestRecorder(described)
})
afterAll(() => rest?.stop())

interface Case {
  readonly server: string
  readonly tool: string
  readonly args: object
  readonly line?: string | RegExp
  readonly type?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | RegExp
}

const file = (mediaType: string): object => ({ data: 'R0lG', mediaType })
const sent: readonly Case[] = [
  ...['550e8400-e29b-41d4-a716-446655440000', 'line1\nline22\n', 'text', 'hello', 'AP8='].map(
    (body) => ({ server: 'files', tool: 'send', args: { body }, body }),
  ),
  { server: 'files', tool: 'send', args: { body: { data: 'AAEC' } }, body: '\u0000\u0001\u0002' },
  {
    server: 'pictures',
    tool: 'upload',
    args: { photo: file('image/jpeg') },
    body: /name="photo"; filename="photo"\r\nContent-Type: image\/jpeg\r\n\r\nGIF/,
  },
  {
    server: 'pictures',
    tool: 'upload',
    args: { photo: file('image/gif'), any: file('text/x') },
    body: /Content-Type: image\/png\r\n[\s\S]*Content-Type: text\/x\r\n/,
  },
  { server: 'pictures', tool: 'avatar', args: { body: file('image/gif') }, type: 'image/gif' },
  { server: 'pictures', tool: 'any', args: { body: file('a/b') }, type: 'a/b', body: 'GIF' },
  { server: 'pictures', tool: 'any', args: { body: 'x' }, type: 'application/octet-stream' },
  { server: 'pictures', tool: 'either', args: { body: file('image/gif') }, type: 'image/gif' },
  { server: 'pictures', tool: 'either', args: { body: file('image/tiff') }, type: 'image/png' },
  { server: 'pictures', tool: 'csv', args: { body: { data: 'YSxi' } }, body: 'a,b' },
  {
    server: 'forms',
    tool: 'save',
    args: {
      name: 'a',
      tags: ['x', 'y'],
      address: { name: 'b', zip: { code: 1 } },
      styled: { a: 'c' },
    },
    body: `name=a&tags=x&tags=y&address=${encodeURIComponent('{"name":"b","zip":{"code":1}}')}&a=c`,
  },
  {
    server: 'forms',
    tool: 'free',
    args: { body: { a: { b: 1 }, c: 2 } },
    body: `a=${encodeURIComponent('{"b":1}')}&c=2`,
  },
  {
    server: 'forms',
    tool: 'mixed',
    args: { doc: { id: 7, text: 'é' } },
    body: /Content-Type: application\/xml\r\n\r\n<\?xml version="1.0" encoding="UTF-8"\?><document id="7"><text>é<\/text><\/document>/,
  },
  { server: 'cases', tool: 'things', args: { Ids: [1], ids: 2 }, line: 'GET /things?Ids=1&ids=2' },
  { server: 'cases', tool: 'body', args: { Id: 1, id: 2 }, body: '{"Id":1,"id":2}' },
  ...Object.entries({
    code: 'AB',
    word: 'Ab',
    php: '12',
    slash: '/a/x',
    path: '/v1/x',
    twice: 'aa',
    dot: 'a\nb',
  }).map(([name, value]) => ({
    server: 'patterns',
    tool: 'check',
    args: { [name]: value },
    line: `GET /a?${name}=${encodeURIComponent(value)}`,
  })),
  {
    server: 'collections',
    tool: 'listed',
    args: {
      ids: ['a', 'b'],
      'X-H': [1, 2],
      'X-T': [3, 4],
      rows: [[1, 2], [3]],
      cols: [[5, 6], [7]],
    },
    line: 'GET /p/a%7Cb?rows=1,2%7C3&cols=5%206&cols=7',
    headers: { 'x-h': '1|2', 'x-t': '3 4' },
  },
  {
    server: 'collections',
    tool: 'up',
    args: { f: 'x', csv: [1, 2], pipes: [3, 4], multi: [5, 6] },
    body: /name="csv"\r\n\r\n1,2\r\n[\s\S]*name="pipes"\r\n\r\n3\|4\r\n[\s\S]*name="multi"\r\n\r\n5\r\n[\s\S]*name="multi"\r\n\r\n6\r\n/,
  },
  {
    server: 'charsets',
    tool: 'note',
    args: { body: 'é' },
    type: 'text/plain; charset=utf-8',
    body: 'é',
  },
  {
    server: 'charsets',
    tool: 'xml',
    args: { a: 'é' },
    type: 'text/xml; charset=utf-8',
    body: /<a>é</,
  },
  {
    server: 'charsets',
    tool: 'json',
    args: { a: 'é' },
    type: 'application/json; charset=utf-8; v=2',
  },
  {
    server: 'charsets',
    tool: 'form',
    args: { a: 'é' },
    type: 'application/x-www-form-urlencoded; charset=utf-8',
    body: 'a=%C3%A9',
  },
  {
    server: 'chains',
    tool: 'order',
    args: { name: 'a', urgent: true },
    body: '{"urgent":true,"name":"a"}',
  },
  { server: 'chains', tool: 'form', args: { name: 'a', urgent: true }, body: 'urgent=true&name=a' },
  {
    server: 'chains',
    tool: 'xml',
    args: { name: 'a', tag: 'b' },
    body: /<marked tag="b"><name>a</,
  },
  {
    server: 'references',
    tool: 'droplets_get',
    args: { id: 3, verbose: true },
    line: 'GET /droplets/3?verbose=true',
  },
  { server: 'references', tool: 'drop', args: { id: 3 }, line: 'DELETE /droplets/3' },
  { server: 'pets', tool: 'send', args: { body: { kind: 'cat', lives: 9 } }, line: 'POST /body' },
  {
    server: 'animals',
    tool: 'send',
    args: {
      pets: [
        { kind: 'Cat', lives: 9 },
        { kind: '#Zoo.Lion', lives: 1, pride: 'p' },
      ],
    },
    line: 'POST /body',
  },
  { server: 'written', tool: 'written', args: { v: '1.10', n: 1.1 }, line: 'GET /w?v=1.10&n=1.1' },
  { server: 'references', tool: 'lists', args: { page: 2 }, line: 'GET /lists?page=2' },
  { server: 'references', tool: 'bodies', args: { name: 'x' }, body: '{"name":"x"}' },
]

describe('what a call sends', () => {
  test.each(
    sent.map((one) => [`${one.server}.${one.tool} ${JSON.stringify(one.args)}`, one] as const),
  )('%s', async (_name, { server, tool, args, line, type, headers, body }) => {
    const { seen, text } = await rest.call(server, tool, args)
    expect(seen, text).toBeDefined()
    if (line !== undefined) expect(seen?.line).toEqual(line)
    if (type !== undefined) expect(seen?.type).toBe(type)
    for (const [name, value] of Object.entries(headers ?? {}))
      expect(seen?.headers[name]).toBe(value)
    if (typeof body === 'string') expect(seen?.body).toBe(body)
    if (body instanceof RegExp) expect(seen?.body).toMatch(body)
  })

  test('a type that nobody said is asked for', async () => {
    const { seen, text, isError } = await rest.call('pictures', 'avatar', { body: 'x' })
    expect([seen, isError]).toEqual([undefined, true])
    expect(text).toContain('"mediaType"')
  })
})

describe('what a tool asks for', () => {
  const properties = async (server: string, tool: string): Promise<unknown> =>
    (await rest.tool(server, tool)).inputSchema['properties']

  test('all that stands beside references on the way', async () => {
    const { inputSchema } = await rest.tool('chains', 'order')
    expect(inputSchema['properties']).toEqual({
      name: { type: 'string' },
      urgent: { type: 'boolean' },
      when: { type: 'string' },
    })
    expect(inputSchema['required']).toEqual(['urgent', 'name'])
    expect(await properties('chains', 'part')).toEqual({ flag: { type: 'boolean' } })
    const { seen } = await rest.call('chains', 'leaf', { size: 11 })
    expect(seen).toBeUndefined()
    expect((await rest.call('chains', 'leaf', { size: 2 })).seen).toBeUndefined()
    expect((await rest.call('chains', 'leaf', { size: 4 })).seen?.line).toBe('GET /leaf?size=4')
  })

  test('schemas with an identifier', async () => {
    expect(await properties('identified', 'send')).toMatchObject({
      line: { $ref: expect.stringMatching(/^#\/\$defs\/Line/) },
      addr: { $ref: '#/$defs/Addr' },
      far: { $ref: '#/$defs/Plain' },
    })
    expect(dig((await rest.tool('identified', 'far')).inputSchema, 'properties', 'near')).toEqual({
      $ref: '#/$defs/Near',
    })
    expect(await properties('identified', 'named')).toEqual({ street: { type: 'string' } })
  })

  test('a base with a discriminator shows the forms that it stands for', async () => {
    const form = (name: string, tag: string): object => ({
      $ref: `#/$defs/${name}`,
      properties: { kind: { const: tag } },
    })
    const pets = await rest.tool('pets', 'send')
    expect(dig(pets.inputSchema, '$defs', 'Pet')).toEqual({
      type: 'object',
      anyOf: [form('Cat', 'cat'), form('Dog', 'dog')],
    })
    const both = [form('Cat', 'Cat'), form('Lion', '#Zoo.Lion')]
    const animals = await rest.tool('animals', 'send')
    expect(dig(animals.inputSchema, '$defs', 'Pet', 'anyOf')).toEqual(both)
    expect(dig(animals.outputSchema, '$defs', 'Pet', 'anyOf')).toEqual(both)
    for (const body of [{ kind: 'cat' }, { kind: 'cow' }, { kind: 'Cat', lives: 1 }])
      expect((await rest.call('pets', 'send', { body })).seen).toBeUndefined()
  })

  test('texts of YAML as they were written', async () => {
    expect(await properties('written', 'written')).toEqual({
      v: { type: 'string', enum: ['1.0', '1.10', '007', 'True'], default: '1.10' },
      n: { type: 'number', enum: [1, 1.1] },
    })
  })

  test('words beside a reference go before those of its target', async () => {
    const droplet = await rest.tool('references', 'droplets_get')
    expect(droplet.description).toBe('Retrieve a droplet.')
    expect(dig(droplet.inputSchema, 'properties', 'verbose')).toEqual({
      type: 'boolean',
      description: 'Say more',
      examples: [true],
    })
    expect((await rest.tool('references', 'lists')).outputSchema).toBeDefined()
  })
})

describe('what tools say of themselves', () => {
  test.each([
    ['read_data_set', { readOnlyHint: true }],
    ['policy_set_definitions_list', { readOnlyHint: true }],
    ['users_profile_set', { readOnlyHint: false, destructiveHint: false }],
    ['update_application', { readOnlyHint: false, destructiveHint: false }],
    ['get_delete_user', { readOnlyHint: false, destructiveHint: true }],
    ['get_comments', { readOnlyHint: true }],
    ['post_delete_user', { readOnlyHint: false, destructiveHint: true }],
  ])('%s', async (name, hints) => {
    expect((await rest.tool('hints', name)).annotations).toMatchObject(hints)
  })

  test('in words', async () => {
    const described = async (name: string): Promise<string> =>
      (await rest.tool('hints', name)).description
    expect(await described('update_application')).toBe('Update application.')
    expect(await described('get_comments')).toBe('GET /comments')
    expect(await described('users_profile_set')).toBe('Set the profile of a user, see Scopes.')
    expect((await rest.tool('hints', 'update_application')).inputSchema['properties']).toEqual({
      application_id: { type: 'string' },
      name: { type: 'string', description: 'How it is shown' },
    })
  })
})
