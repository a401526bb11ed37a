/** Sources of every kind: told by content, converted, and registered, by the command line in this process. */
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { conversionCodes } from '../../src/model/conversion.ts'
import { type StandIn, standIn } from './stand-in.ts'

const specs = fileURLToPath(new URL('../fixtures/specs/', import.meta.url))

const sources: Readonly<Record<string, string>> = {
  'pets.yaml': `
openapi: 3.1.0
info: { title: Pets, version: "1" }
servers: [{ url: "http://127.0.0.1:9/v1" }]
paths:
  /pets: { get: { operationId: listPets, responses: { "200": { description: ok } } } }
  /pets/{id}:
    delete:
      operationId: deletePet
      parameters: [{ name: id, in: path, required: true, schema: { type: integer } }]
      responses: { "204": { description: gone } }
`,
  'shop.graphql': 'type Query { user(id: ID!): User }\ntype User { id: ID! name: String }\n',
  'pets.proto': `syntax = "proto3";
package pets;
message Ask { int32 id = 1; }
message Pet { string name = 1; }
service Pets { rpc Get (Ask) returns (Pet); rpc Chat (stream Ask) returns (stream Pet); }
`,
  'line.txt': `curl -X POST http://127.0.0.1:9/pets -H 'content-type: application/json' -d '{"name":"Rex"}'`,
}

const report = z.object({
  operation: z.string(),
  code: z.string(),
  reason: z.string().min(1),
  place: z.string(),
})
const view = z.object({
  kind: z.string(),
  operations: z.number(),
  tools: z.array(
    z.object({
      name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
      description: z.string().min(1),
      inputSchema: z.looseObject({ type: z.literal('object') }),
      operation: z.string().min(1),
    }),
  ),
  skipped: z.array(report),
  notes: z.array(report),
})

describe('convert', () => {
  let there: StandIn

  beforeAll(async () => {
    there = await standIn()
    for (const [name, text] of Object.entries(sources)) await writeFile(join(there.dir, name), text)
    const database = new DatabaseSync(join(there.dir, 'shop.db'))
    database.exec('CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL)')
    database.close()
  })

  test.each([
    ['openapi', 'pets.yaml', ['delete_pet', 'list_pets']],
    ['openapi', 'line.txt', undefined],
    ['graphql', 'shop.graphql --base-url http://127.0.0.1:9/graphql', ['user']],
    ['grpc', 'pets.proto --base-url grpc://127.0.0.1:9', undefined],
    ['soap', join(specs, 'wsdl/stockquote.wsdl'), undefined],
    ['sql', 'shop.db', ['describe_table', 'list_tables', 'query']],
    ['sql', 'sqlite:shop.db', ['describe_table', 'list_tables', 'query']],
    [
      'asyncapi',
      `${join(specs, 'asyncapi/gitter-streaming-asyncapi.yml')} --base-url http://127.0.0.1:9/`,
      undefined,
    ],
  ])('tells %s of %s, and loses no operation', async (kind, source, tools) => {
    const { code, stdout, stderr } = await there.cli(`convert ${source} --json`)
    expect(stderr).toBe('')
    const found = view.parse(JSON.parse(stdout))
    expect(code).toBe(0)
    expect(found.kind).toBe(kind)
    expect(found.tools.length + found.skipped.length).toBe(found.operations)
    if (tools !== undefined) expect(found.tools.map(({ name }) => name).sort()).toEqual(tools)
    for (const { code: reported } of [...found.skipped, ...found.notes])
      expect(Object.keys(conversionCodes)).toContain(reported)
    const text = await there.cli(`convert ${kind} ${source}`)
    expect(text.stdout).toContain(`${found.tools.length} of ${found.operations} operations`)
    expect(text.stdout).toContain(found.tools[0]?.name ?? 'no tool')
  })

  test('selects, and says what no pattern fits', async () => {
    const { code, stdout } = await there.cli(
      'convert pets.yaml --include GET* --include nope --json',
    )
    const found = view.parse(JSON.parse(stdout))
    expect(code).toBe(0)
    expect(found.tools.map(({ name }) => name)).toEqual(['list_pets'])
    expect(found.skipped.map(({ code: reported }) => reported)).toEqual(['excluded'])
    expect(found.notes.some(({ operation }) => operation === 'nope')).toBe(true)
  })

  test.each([
    ['convert none.yaml', 1, 'cannot be read (ENOENT)'],
    ['convert shop.graphql', 1, 'give --base-url'],
    ['convert pets.proto', 1, 'give --base-url'],
    ['convert cobol pets.yaml', 2, 'There is no kind "cobol"'],
    ['convert http https://a.example/mcp', 2, 'is not converted'],
    ['convert https://a.example/mcp', 2, 'no description of an API'],
    ['convert soap pets.yaml', 1, 'description_invalid'],
    ['convert pets.yaml --exclude *', 1, ''],
    ['convert', 2, 'missing required argument'],
  ])('%s ends with %i', async (line, code, text) => {
    const found = await there.cli(line)
    expect(found.stderr).toContain(text)
    expect(found.code).toBe(code)
  })

  test('names the way out when a description may not be reached', async () => {
    const server = createServer((_, response) =>
      response.writeHead(302, { location: 'http://169.254.169.254/latest/' }).end(),
    )
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : 0
    const found = await there.cli(`convert openapi http://127.0.0.1:${port}/openapi.json`)
    server.closeAllConnections()
    server.close()
    expect(found.code).toBe(1)
    expect(found.stderr).toContain('document_refused')
    expect(found.stderr).toContain('--egress-network')
  })

  test('add stores entries of every kind, with secrets in files of their own', async () => {
    const add = (line: string) => there.cli(`add ${line} --no-probe`)
    expect((await add('pets pets.yaml --bearer plain-token')).code).toBe(0)
    expect((await add('shop shop.graphql --base-url http://127.0.0.1:9/graphql')).code).toBe(0)
    expect((await add('rpc grpcs://pets.example:443')).code).toBe(0)
    expect((await add('crm postgres://u:plain-password@db.example/crm')).code).toBe(0)
    expect((await add('orders x.wsdl --kind soap --basic u:plain-word')).code).toBe(0)
    const { stdout } = await there.cli('ls')
    expect(stdout).toMatch(/crm +sql /)
    expect(stdout).toMatch(/orders +soap .*x\.wsdl/)
    expect(stdout).toMatch(/pets +openapi .*pets\.yaml/)
    expect(stdout).toMatch(/rpc +grpc .*pets\.example:443/)
    expect(stdout).toMatch(/shop +graphql +.*http:\/\/127\.0\.0\.1:9\/graphql/)
    const stored = JSON.stringify(await there.ports.store.list('server'))
    expect(stored).not.toMatch(/plain-(token|password|word)/)
    const reference =
      /"url":"postgres:\/\/u:\$\{file:([^}]*crm[^}]*)\}@db\.example\/crm"/.exec(stored)?.[1] ?? ''
    expect(await readFile(reference, 'utf8')).toBe('plain-password')
  })
})
