import { describe, expect, it } from 'vitest'
import { recognisable } from './all.ts'
import { detect, detectAddress } from './detect.ts'

const json = (value: unknown): string => JSON.stringify(value)

describe('detect', () => {
  it.each([
    ['openapi', 'OpenAPI', 'a.json', json({ info: {}, openapi: '3.1.0' })],
    ['openapi', 'OpenAPI', 'a.yaml', '# pets\nopenapi: "3.0.3"\ninfo: {}\n'],
    ['openapi', 'Swagger', 'a.yml', 'swagger: "2.0"\n'],
    ['openapi', 'OpenAPI', 'a.yaml', "'openapi': 3.1.0\n"],
    ['openapi', 'OpenAPI', 'a.json', '{"openapi": "3.0.0", "info": '],
    ['openapi', 'Postman', 'a', json({ info: { _postman_id: 'x' }, item: [] })],
    [
      'openapi',
      'Postman',
      'a',
      json({ info: { schema: 'https://schema.getpostman.com/json/collection/v2.1.0/' }, item: [] }),
    ],
    ['openapi', 'HAR', 'a.har', json({ log: { version: '1.2', entries: [] } })],
    ['openapi', 'curl', 'a.sh', "curl -X POST https://api.example/pets -d '{}'"],
    ['openapi', 'curl', 'a.sh', '$ curl https://api.example/pets'],
    ['asyncapi', 'AsyncAPI', 'a.json', json({ asyncapi: '3.0.0' })],
    ['asyncapi', 'AsyncAPI', 'a.yaml', 'asyncapi: 2.6.0\n'],
    ['graphql', 'introspection', 'a.json', json({ data: { __schema: {} } })],
    ['graphql', 'introspection', 'a.json', json({ __schema: {} })],
    ['graphql', 'schema', 'a', '"""Pets"""\ntype Query {\n  pets: [Pet!]!\n}\n'],
    ['graphql', 'schema', 'a', 'extend type Pet @key(fields: "id") { id: ID! }'],
    ['graphql', 'schema', 'a.graphql', '# nothing yet\n'],
    [
      'soap',
      'WSDL',
      'a.wsdl',
      '<?xml version="1.0"?><wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/"/>',
    ],
    ['grpc', 'proto', 'a', '// pets\nsyntax = "proto3";\npackage pets;\n'],
    ['grpc', 'proto', 'a', 'edition = "2023";\n'],
    ['grpc', 'proto', 'a.proto', 'message Pet {}\n'],
  ])('%s: %s in %s', (kind, what, location, text) => {
    const found = detect(recognisable, { location, text, mediaType: undefined })
    expect(found?.kind).toBe(kind)
    expect(found?.what).toContain(what)
  })

  it.each([
    ['SQLite', Buffer.from('SQLite format 3\0 and more'), 'a.db', 'sql'],
    ['descriptor set', Buffer.from([0x0a, 0x10, 0x0a, 0x05]), 'a', 'grpc'],
    ['descriptor set', Buffer.from([0xff, 0x10]), 'a.protoset', 'grpc'],
  ])('tells %s by its bytes', (what, bytes, location, kind) => {
    const text = bytes.toString('base64')
    const found = detect(recognisable, { location, text, base64: true, mediaType: undefined })
    expect(found?.kind).toBe(kind)
    expect(found?.what).toContain(what)
  })

  it.each([
    ['a web page', '<!doctype html><html><body>openapi: 3</body></html>'],
    ['other JSON', '{"mcpServers": {}}'],
    ['a list', '[1, 2]'],
    ['broken JSON', '{"a": '],
    ['prose', 'The type of thing that says: openapi is nice.'],
    ['nothing', ''],
  ])('says nothing of %s', (_, text) => {
    expect(detect(recognisable, { location: 'a', text, mediaType: undefined })).toBeUndefined()
  })
})

describe('detectAddress', () => {
  it.each([
    ['postgres://u:p@db/x', 'sql'],
    ['mariadb://db/x', 'sql'],
    ['sqlite:./pets.db', 'sql'],
    ['grpc://pets.example:443', 'grpc'],
    ['localhost:50051', 'grpc'],
    ['https://pets.example/mcp', undefined],
    ['./openapi.yaml', undefined],
  ])('%s is %s', (source, kind) => {
    expect(detectAddress(recognisable, source)?.kind).toBe(kind)
  })
})
