import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ConversionFault } from '../../../../model/conversion.ts'
import { openapiSpec } from '../../../../model/kinds/openapi.ts'
import { convertOpenapi } from '../convert.ts'
import { isIdentifier, isSecretName, looksSecret } from './secrets.ts'
import { shellCommands } from './shell-words.ts'

const convert = (text: string) =>
  convertOpenapi(
    openapiSpec.parse({ spec: 'x' }),
    { location: '/specs/x', text, mediaType: undefined },
    () => Promise.reject(new ConversionFault('document_refused', 'nothing is read')),
  )

async function toolOf(text: string) {
  const { tools } = await convert(text)
  const [tool] = tools
  if (tool === undefined) throw new Error('no tool')
  return tool
}

describe('words of a shell', () => {
  test.each<[line: string, words: string[]]>([
    ['curl a', ['curl', 'a']],
    [`curl 'a b' "c d" e\\ f`, ['curl', 'a b', 'c d', 'e f']],
    [`curl 'it'\\''s' "say \\"hi\\" \\$x \\n"`, ['curl', "it's", 'say "hi" $x \\n']],
    [`curl $'a\\n\\'b\\u0041\\x42'`, ['curl', "a\n'bAB"]],
    ['curl \\\n  a \\\r\n  b', ['curl', 'a', 'b']],
    ['curl ^\r\n  a', ['curl', 'a']],
    ['curl "" a', ['curl', '', 'a']],
    ['curl a#b # c', ['curl', 'a#b']],
    [`curl "unclosed`, ['curl', 'unclosed']],
    ['curl $(rm -rf /) `id`', ['curl', '$(rm', '-rf', '/)', '`id`']],
  ])('%j', (line, words) => {
    expect(shellCommands(line)[0]?.words).toEqual(words)
  })

  test('several commands, with their lines', () => {
    const found = shellCommands('# one\ncurl a\n\ncurl b; curl c | jq . && curl d')
    expect(found.map(({ words, line }) => `${line} ${words.join(' ')}`)).toEqual([
      '2 curl a',
      '4 curl b',
      '4 curl c',
      '4 jq .',
      '4 curl d',
    ])
  })
})

describe('curl', () => {
  test.each<[line: string, operation: string]>([
    ['curl https://a.example/x', 'GET /x'],
    ['curl a.example/x', 'GET /x'],
    ['curl -I https://a.example/x', 'HEAD /x'],
    ['curl -d a=1 https://a.example/x', 'POST /x'],
    ['curl -sSXPATCH -d a=1 https://a.example/x', 'PATCH /x'],
    ['curl --request=PUT --url https://a.example/x --data-raw {}', 'PUT /x'],
    ['curl -T file https://a.example/x', 'PUT /x'],
    ['curl -o out -w %{http_code} --max-time 5 https://a.example/x', 'GET /x'],
    ['$ curl https://a.example/users/42/posts', 'GET /users/{userId}/posts'],
    ['curl https://api.a.example/bot123456:ABC-def/sendMessage', 'GET /{id}/sendMessage'],
    ['curl https://a.example/repos/:owner/{repo}/$' + '{ID}', 'GET /repos/{owner}/{repo}/{ID}'],
  ])('%s', async (line, operation) => {
    expect((await toolOf(line)).operation).toBe(operation)
  })

  test('JSON without the header that says so', async () => {
    const { plan } = await toolOf(`curl https://a.example/x -d '{"a":1}'`)
    expect(plan.body?.mediaType).toBe('application/json')
  })

  test('a form is a form', async () => {
    const { plan, definition } = await toolOf(`curl https://a.example/x -d 'a=1&b=x' -d c=true`)
    expect(plan.body?.form).toBe('urlencoded')
    expect(definition.inputSchema['properties']).toEqual({
      a: { type: 'integer' },
      b: { type: 'string' },
      c: { type: 'boolean' },
    })
  })

  test('files are not read, and take what the caller gives', async () => {
    const { plan } = await toolOf('curl https://a.example/x --data-binary @/etc/passwd')
    expect(plan.body?.form).toBe('binary')
    const upload = await toolOf(
      'curl https://a.example/x -H "Content-Type: image/png" --data-binary @/etc/passwd',
    )
    expect(upload.plan.body).toMatchObject({ form: 'binary', mediaType: 'image/png' })
  })

  test('nothing but a command without an address', async () => {
    await expect(convert('curl --version')).rejects.toMatchObject({ code: 'description_invalid' })
  })
})

describe('Postman 2.0', () => {
  test('texts where 2.1 has lists', async () => {
    const { tools, common } = await convert(
      JSON.stringify({
        info: { name: 'Old', schema: 'https://schema.getpostman.com/json/collection/v2.0.0/' },
        item: [
          {
            name: 'Find',
            request: {
              url: 'https://a.example/find?q=1',
              method: 'GET',
              header: 'X-Tenant: acme\nAuthorization: Basic c2VjcmV0OnNlY3JldA==',
              auth: { type: 'basic', basic: { username: 'ann', password: 's3cr3t' } },
            },
          },
          { name: 'Just a URL', request: 'https://a.example/plain' },
        ],
      }),
    )
    expect(tools.map(({ operation, definition }) => [operation, definition.name])).toEqual([
      ['GET /find', 'find'],
      ['GET /plain', 'just_a_url'],
    ])
    expect(tools[0]?.definition.inputSchema['properties']).toEqual({
      q: { type: 'integer' },
      'X-Tenant': { type: 'string' },
    })
    expect(common.security).toEqual({ basic: { kind: 'basic' } })
  })

  test('a host that only the environment knows is left to the configuration', async () => {
    const { tools } = await convert(
      JSON.stringify({
        info: { _postman_id: 'x', name: 'A' },
        item: [{ name: 'Get it', request: { url: '{{url}}/a/{{thing}}' } }],
      }),
    )
    expect(tools[0]?.plan).toMatchObject({ baseUrl: '', path: '/a/{thing}' })
  })
})

describe('secrets', () => {
  const secret = fc
    .array(fc.constantFrom(...'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789'), {
      minLength: 24,
      maxLength: 60,
    })
    .map((chars) => `Zq9${chars.join('')}`)
  const places: readonly ((value: string) => string)[] = [
    (value) => `curl https://a.example/x -H 'Authorization: Bearer ${value}'`,
    (value) => `curl https://a.example/x -H 'Authorization: ${value}'`,
    (value) => `curl https://a.example/x -H 'X-Api-Key: ${value}' -H 'X-Strange: ${value}'`,
    (value) => `curl https://a.example/x -u ann:${value} -b 'sid=${value}'`,
    (value) => `curl https://ann:${value}@a.example/x`,
    (value) => `curl 'https://a.example/x?api_key=${value}&other=${value}#${value}'`,
    (value) => `curl https://a.example/hooks/${value}/send`,
    (value) => `curl https://a.example/x -d '{"deep":[{"any":"${value}"}]}'`,
    (value) => `curl https://a.example/x -d any=${value} -e https://r.example/${value}`,
    (value) => `curl https://a.example/x -F any=${value} -F 'file=@${value}'`,
    (value) =>
      har({
        url: `https://a.example/x?token=${value}`,
        headers: [{ name: 'Cookie', value: `a=${value}` }],
      }),
    (value) =>
      har({
        url: 'https://a.example/x',
        headers: [{ name: 'X-Auth', value }],
        postData: { mimeType: 'text/plain', text: value },
      }),
    (value) =>
      postman(
        {
          auth: {
            type: 'apikey',
            apikey: [
              { key: 'value', value },
              { key: 'key', value: 'X-Key' },
            ],
          },
        },
        value,
      ),
    (value) =>
      postman(
        { auth: { type: 'bearer', bearer: { token: value } }, description: `Use ${value}.` },
        value,
      ),
    (value) =>
      postman({ header: [{ key: 'X-Anything', value }], body: { mode: 'raw', raw: value } }, value),
  ]
  function har(request: object): string {
    const response = { status: 200, content: { mimeType: 'application/json', text: '{}' } }
    return JSON.stringify({
      log: { entries: [{ request: { method: 'POST', ...request }, response }] },
    })
  }
  function postman(request: object, value: string): string {
    return JSON.stringify({
      info: { _postman_id: value, name: 'A', description: `The key is ${value}` },
      variable: [{ key: 'token', value }],
      item: [{ name: 'Do it', request: { url: `https://a.example/x?key=${value}`, ...request } }],
    })
  }

  test('never stand in what comes out, wherever they stood', async () => {
    await fc.assert(
      fc.asyncProperty(secret, fc.constantFrom(...places), async (value, place) => {
        const conversion = await convert(place(value))
        expect(conversion.tools.length).toBeGreaterThan(0)
        expect(JSON.stringify(conversion)).not.toContain(value)
      }),
      { numRuns: 200 },
    )
  })

  test('names that mean one, and names that do not', () => {
    for (const name of [
      'api_key',
      'X-Api-Key',
      'accessToken',
      'access_token',
      'client_secret',
      'Authorization',
      'X-Amz-Signature',
      'password',
      'sessionid',
    ])
      expect(isSecretName(name), name).toBe(true)
    for (const name of [
      'page_token',
      'nextPageToken',
      'sort_key',
      'author',
      'limit',
      'X-Tenant',
      'keyword',
    ])
      expect(isSecretName(name), name).toBe(false)
    expect(looksSecret('the quick brown fox jumps over')).toBe(false)
  })

  test('segments of a path that vary, and those that do not', () => {
    for (const segment of [
      '42',
      '8f14e45f-ceea-467f-9b1a-2b3c4d5e6f70',
      '507f1f77bcf86cd799439011',
      'T024BE7LD',
      'ann@a.example',
    ])
      expect(isIdentifier(segment), segment).toBe(true)
    for (const segment of ['users', 'v1', 'v2beta1', 'oauth2', 'sign-in', 'search', 'me'])
      expect(isIdentifier(segment), segment).toBe(false)
  })
})

test('any text that begins like one is read or refused', async () => {
  const options = fc.array(
    fc.oneof(
      fc.constantFrom(
        '-d',
        '-H',
        '-X',
        '--json',
        '-F',
        '-u',
        '-G',
        '--',
        '-',
        '-T',
        '-b',
        'https://a.example/x',
        "'",
        '"',
        '\\',
        '\n',
      ),
      fc.string(),
    ),
  )
  await fc.assert(
    fc.asyncProperty(options, async (words) => {
      try {
        await convert(`curl ${words.join(' ')}`)
      } catch (thrown) {
        if (!(thrown instanceof ConversionFault)) throw thrown
      }
    }),
    { numRuns: 500 },
  )
  await fc.assert(
    fc.asyncProperty(fc.jsonValue(), fc.jsonValue(), async (one, two) => {
      for (const source of [
        {
          info: { _postman_id: 'x' },
          item: [
            one,
            { name: two, request: one },
            { item: [two] },
            { request: { url: 'a.example', header: one, body: two, auth: one } },
          ],
        },
        {
          log: {
            entries: [
              one,
              { request: one, response: two },
              { request: { url: 'https://a.example', headers: one, postData: two } },
            ],
          },
        },
      ])
        try {
          await convert(JSON.stringify(source))
        } catch (thrown) {
          if (!(thrown instanceof ConversionFault)) throw thrown
        }
    }),
    { numRuns: 300 },
  )
})
