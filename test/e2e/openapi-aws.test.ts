/** Descriptions of AWS, as there are hundreds: signed by the gateway, with nothing of the signature in the tools. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { awsHeaders } from '../../src/kinds/api/aws-signature.ts'
import { convertBuilt } from '../apis/built-convert.ts'
import { type RestRecorder, startRestRecorder } from './rest-recorder.ts'

const one = (name: string, value: string, where = 'query'): object => ({
  ...{ name, in: where, required: true },
  schema: { type: 'string', enum: [value] },
})
const action = (name: string, more: readonly object[] = []): object => ({
  get: {
    operationId: `GET_${name}`,
    parameters: [...more, one('Action', name), one('Version', '2013-01-01')],
    responses: { 200: { description: 'ok' } },
  },
  post: {
    operationId: `POST_${name}`,
    parameters: [one('Action', name), one('Version', '2013-01-01')],
    requestBody: { content: { 'text/xml': { schema: { type: 'object' } } } },
    responses: { 200: { description: 'ok' } },
  },
  parameters: [
    'Content-Sha256',
    'Date',
    'Algorithm',
    'Credential',
    'Security-Token',
    'Signature',
    'SignedHeaders',
  ].map((part) => ({ name: `X-Amz-${part}`, in: 'header', schema: { type: 'string' } })),
})
const name = { name: 'DomainName', in: 'query', schema: { type: 'string' } }
const description = {
  openapi: '3.0.0',
  info: { title: 'CloudSearch', version: '2013-01-01', 'x-aws-signingName': 'cloudsearch' },
  servers: [
    {
      url: 'https://cloudsearch.{region}.amazonaws.com',
      variables: { region: { default: 'us-east-1' } },
    },
  ],
  security: [{ hmac: [] }],
  components: {
    securitySchemes: {
      hmac: {
        ...{ type: 'apiKey', name: 'Authorization', in: 'header' },
        'x-amazon-apigateway-authtype': 'awsSigv4',
      },
    },
  },
  paths: {
    '/#Action=ListDomainNames': action('ListDomainNames'),
    '/#Action=DeleteDomain': action('DeleteDomain', [name]),
    '/#Action=IndexDocuments': action('IndexDocuments', [name]),
    '/2013-01-01/{bucket}': {
      put: {
        operationId: 'PutThing',
        parameters: [
          { name: 'bucket', in: 'path', required: true, schema: { type: 'string' } },
          { name: 'x-amz-acl', in: 'header', schema: { type: 'string' } },
        ],
        requestBody: {
          content: {
            'application/json': {
              schema: { type: 'object', properties: { a: { type: 'string' } } },
            },
          },
        },
        responses: { 200: { description: 'ok' } },
      },
    },
  },
}
const aws = {
  ...{ accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' },
  ...{ sessionToken: 'a-session-token', region: 'eu-west-1' },
}

let rest: RestRecorder

beforeAll(async () => {
  const spec = JSON.stringify({ ...description, servers: [{ url: 'ORIGIN' }] })
  rest = await startRestRecorder({
    search: { spec, extension: 'json', entry: { credential: { awsSigV4: aws } } },
    nowhere: {
      spec,
      extension: 'json',
      entry: { credential: { awsSigV4: { ...aws, region: undefined } } },
    },
    other: {
      spec,
      extension: 'json',
      entry: { credential: { schemes: { hmac: { awsSigV4: { ...aws, service: 'iam' } } } } },
    },
  })
})
afterAll(() => rest?.stop())

describe('tools of AWS', () => {
  test('are shown once, by the name of the action, without what is signed', async () => {
    const tools = await rest.tools('search')
    const asked = tools.map(({ name: tool, inputSchema }): [string, string[]] => [
      tool,
      Object.keys(Object(inputSchema['properties'])),
    ])
    expect(Object.fromEntries(asked)).toEqual({
      list_domain_names: [],
      delete_domain: ['DomainName'],
      index_documents: ['DomainName'],
      put_thing: ['bucket', 'x-amz-acl', 'a'],
    })
    const hints = Object.fromEntries(
      tools.map(({ name: tool, annotations }) => [tool, annotations]),
    )
    expect(hints).toMatchObject({
      list_domain_names: { readOnlyHint: true },
      delete_domain: { readOnlyHint: false, destructiveHint: true },
      index_documents: { readOnlyHint: false },
    })
    expect(tools.find((tool) => tool.name === 'delete_domain')?.description).toBe('Delete domain.')
  })

  test.each([
    [
      'search',
      'delete_domain',
      { DomainName: 'a b' },
      'cloudsearch',
      'GET /?DomainName=a%20b&Action=DeleteDomain&Version=2013-01-01',
    ],
    [
      'search',
      'put_thing',
      { bucket: 'é/1', 'x-amz-acl': 'private', a: 'ü' },
      'cloudsearch',
      'PUT /2013-01-01/%C3%A9%2F1',
    ],
    ['other', 'list_domain_names', {}, 'iam', 'GET /?Action=ListDomainNames&Version=2013-01-01'],
  ])('%s.%s is signed', async (server, tool, args, service, line) => {
    const { seen, text } = await rest.call(server, tool, args)
    expect(seen?.line, text).toBe(line)
    if (seen === undefined) throw new Error('nothing was sent')
    const { headers, bytes } = seen
    const plain = Object.fromEntries(
      Object.entries(headers).flatMap(([header, value]) =>
        typeof value === 'string' && !/^x-amz-(date|security)|^authorization$/.test(header)
          ? [[header, value]]
          : [],
      ),
    )
    const at = String(headers['x-amz-date']).replace(
      /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/,
      '$1-$2-$3T$4:$5:$6Z',
    )
    const [method = '', path = ''] = line.split(' ')
    expect(headers).toMatchObject(
      awsHeaders(
        { method, host: new URL(rest.origin).host, path, headers: plain, body: bytes },
        { ...aws, service },
        Date.parse(at),
      ),
    )
    expect(headers['x-amz-security-token']).toBe('a-session-token')
  })

  test('a region that nobody says is an error of the operator', async () => {
    const { seen, isError } = await rest.call('nowhere', 'list_domain_names', {})
    expect([seen, isError]).toEqual([undefined, true])
  })

  test('paths that differ only behind # are told', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-aws-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const responses = { 200: { description: 'ok' } }
    const paths = { '/x#Action=A': { get: { responses } }, '/x#Action=B': { get: { responses } } }
    writeFileSync(join(folder, 'a.json'), JSON.stringify({ ...description, paths }))
    writeFileSync(join(folder, 'b.json'), JSON.stringify(description))
    const same = await convertBuilt(['a.json'], folder)
    expect(same.notes.map(({ code, operation }) => [code, operation])).toEqual([
      ['shadowed', 'GET /x#Action=B'],
    ])
    const { notes, skipped, operations, tools } = await convertBuilt(['b.json'], folder)
    expect(notes).toEqual([])
    expect(skipped.map(({ code, operation }) => [code, operation])).toEqual([
      ['duplicate', 'POST /#Action=ListDomainNames'],
      ['duplicate', 'POST /#Action=DeleteDomain'],
      ['duplicate', 'POST /#Action=IndexDocuments'],
    ])
    expect(operations).toBe(tools.length + skipped.length)
  })
})
