/** What the REST executor makes of the answers of a real server, and what it sends there. */
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Credential } from '../../src/model/credential.ts'
import type { RestCommon, RestPlan } from '../../src/model/kinds/openapi.ts'
import { GatewayError } from '../../src/model/refusal.ts'
import { serve } from './rest-server.ts'
import { answering, type Handler, type Result, type World, world } from './rest-world.ts'

describe('successes', () => {
  it('JSON keeps its bytes', async () => {
    const json = '{ "id" : 12345678901234567890, "x": 1.0, "u": "\\u00e9\\/" }'
    const { call } = await world(answering(200, 'application/vnd.api+json; charset=utf-8', json))
    const result = await call()
    expect(result.raw).toContain(`"structuredContent":${json}`)
    expect(result.text).toBe(json)
  })

  it('a tool with an output schema always has an object', async () => {
    const cases: readonly (readonly [string, string, unknown])[] = [
      ['application/json', ' [1, 2.0]', { result: [1, 2] }],
      ['application/json', '"x"', { result: 'x' }],
      ['application/json', '\n{"a":1}', { a: 1 }],
      ['text/plain', 'hello', { result: 'hello' }],
      ['application/json', 'not json', { result: 'not json' }],
      ['image/png', 'PNG', {}],
      ['application/json', '', {}],
    ]
    for (const [type, body, wanted] of cases) {
      const { call } = await world(answering(200, type, body))
      expect((await call({ structured: true })).structured, body).toEqual(wanted)
    }
  })

  it('without one, what is no object or list is text only', async () => {
    const { call } = await world(answering(200, 'application/json', '42'))
    expect((await call()).structured).toBeUndefined()
  })

  it('JSON that is nested too deeply is text', async () => {
    const nested = (depth: number): string => `${'[{"a\\"[[":'.repeat(depth)}1${'}]'.repeat(depth)}`
    for (const [depth, wanted] of [
      [255, 'object'],
      [300, 'undefined'],
      [100_000, 'undefined'],
    ] as const) {
      const { call } = await world(answering(200, 'application/json', nested(depth)))
      const result = await call()
      expect(typeof result.structured).toBe(wanted)
      expect(result.text).toBe(nested(depth))
    }
  })

  it('204 is a sentence, 201 tells where', async () => {
    const none = await world(answering(204, '', ''))
    expect((await none.call({ method: 'DELETE' })).text).toBe(
      'Done: the API answered 204 No Content and sent nothing more.',
    )
    const made = await world(answering(201, 'application/json', '{}', { location: '/things/7' }))
    expect((await made.call({ method: 'POST' })).texts).toContain('Location: /things/7')
  })

  it('text, images, audio and files', async () => {
    const seen: unknown[] = []
    for (const [type, body] of [
      ['text/csv; charset=iso-8859-1', Buffer.from([0xe9, 0x2c])],
      ['application/x-ndjson', '{"a":1}\n{"a":2}'],
      ['image/png', 'P'],
      ['audio/wav', 'W'],
      ['application/pdf', '%PDF'],
      ['', 'plain words'],
      ['', Buffer.from([0, 1, 2])],
      ['application/octet-stream', 'x'],
    ] as const)
      seen.push(
        (await (await world(answering(200, type, body))).call({ path: '/files/a.bin' })).content[0],
      )
    expect(seen).toEqual([
      { type: 'text', text: 'é,' },
      { type: 'text', text: '{"a":1}\n{"a":2}' },
      { type: 'image', mimeType: 'image/png', data: 'UA==' },
      { type: 'audio', mimeType: 'audio/wav', data: 'Vw==' },
      {
        type: 'resource',
        resource: { uri: 'sallyport:result/a.bin', mimeType: 'application/pdf', blob: 'JVBERg==' },
      },
      { type: 'text', text: 'plain words' },
      {
        type: 'resource',
        resource: {
          uri: 'sallyport:result/a.bin',
          mimeType: 'application/octet-stream',
          blob: 'AAEC',
        },
      },
      {
        type: 'resource',
        resource: {
          uri: 'sallyport:result/a.bin',
          mimeType: 'application/octet-stream',
          blob: 'eA==',
        },
      },
    ])
  })

  it('JSON in other charsets and with a byte order mark', async () => {
    const latin = await world(
      answering(200, 'application/json; charset=iso-8859-1', Buffer.from('{"a":"é"}', 'latin1')),
    )
    expect((await latin.call()).structured).toEqual({ a: 'é' })
    const wide = await world(
      answering(200, 'application/json; charset=utf-16le', Buffer.from('{"a":"é"}', 'utf16le')),
    )
    expect((await wide.call()).structured).toEqual({ a: 'é' })
    const marked = await world(answering(200, 'application/json', '\ufeff{"a":1}'))
    expect((await marked.call()).structured).toEqual({ a: 1 })
    const broken = await world(answering(200, 'application/json', Buffer.from([0x22, 0xff, 0x22])))
    expect((await broken.call()).text).toBe('"\ufffd"')
  })

  it('XML becomes JSON by its shape', async () => {
    const xml =
      '<?xml version="1.0"?><p:pet xmlns:p="u" id="7"><photoList><photo>a</photo></photoList><tag>1</tag><name>x &amp; &#65;</name></p:pet>'
    const { call } = await world(answering(200, 'application/xml', xml))
    const answerXml = {
      properties: {
        id: { attribute: true },
        photos: { wrapped: true, name: 'photoList', items: { name: 'photo' } },
        tag: { items: {} },
      },
    }
    expect((await call({ answerXml, structured: true })).structured).toEqual({
      id: '7',
      photos: ['a'],
      tag: ['1'],
      name: 'x & A',
    })
  })

  it('XML with a document type is text: no entity is read, none grows', async () => {
    const laughs = `<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;"><!ENTITY f SYSTEM "file:///etc/passwd">]><x>&b;&f;</x>`
    const { call } = await world(answering(200, 'text/xml', laughs))
    const result = await call()
    expect(result.text).toBe(laughs)
    const deep = await world(
      answering(200, 'text/xml', `${'<a>'.repeat(5_000)}${'</a>'.repeat(5_000)}`),
    )
    expect((await deep.call()).structured).toBeUndefined()
  })

  it.each([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
  ] as const)('unpacks %s', async (coding, pack) => {
    const { call } = await world(
      answering(200, 'application/json', pack('{"a":1}'), { 'content-encoding': coding }),
    )
    expect((await call()).structured).toEqual({ a: 1 })
  })

  it('a bomb, two layers of it, an unknown coding and broken packing are refused', async () => {
    const bomb = gzipSync(Buffer.alloc(260_000_000, 0x20))
    const cases = [
      [bomb, 'gzip', 'answer_too_large'],
      [gzipSync(bomb), 'gzip, gzip', 'answer_too_large'],
      [gzipSync(gzipSync(gzipSync('x'))), 'gzip, gzip, gzip', 'server_broken'],
      ['x', 'zip', 'server_broken'],
      ['x', 'gzip', 'server_broken'],
    ] as const
    for (const [body, coding, code] of cases) {
      const { call } = await world(
        answering(200, 'application/json', body, { 'content-encoding': coding }),
      )
      await expect(call()).rejects.toMatchObject({ code })
    }
  })

  it('a length that is too large is refused before it is read', async () => {
    const { call } = await world((_request, response) => {
      response.writeHead(200, { 'content-length': '256000001' })
      response.write('x')
    })
    await expect(call()).rejects.toMatchObject({ code: 'answer_too_large' })
  })

  it('HEAD tells what is there', async () => {
    const { call } = await world(answering(200, 'image/png', '', { etag: '"1"' }))
    const { text } = await call({ method: 'HEAD' })
    expect(text).toContain('content-type: image/png')
    expect(text).toContain('etag: "1"')
  })
})

describe('pages', () => {
  const page = (name: string): RestPlan['parameters'][number] => ({
    argument: `arg_${name}`,
    name,
    in: 'query',
    style: 'form',
    explode: true,
    allowReserved: false,
    mediaType: undefined,
  })

  it('Link rel=next as the arguments that change, without anything else of it', async () => {
    const link =
      '<http://x.test/?page=1&per_page=5>; rel="first", <http://x.test/?page=3&per_page=5&token=SECRET>; rel="next last"'
    const { call } = await world(answering(200, 'application/json', '[]', { link }))
    const { texts } = await call(
      { parameters: [page('page'), page('per_page')] },
      { arg_per_page: 5 },
    )
    expect(texts[1]).toBe(
      'There are more results. For the next page call again with arg_page = 3 and the other arguments as they are.',
    )
    expect(texts.join()).not.toContain('SECRET')
  })

  it.each([
    ['{"next_cursor":"abc"}', 'cursor', 'arg_cursor = "abc"'],
    ['{"nextPageToken":"abc"}', 'pageToken', 'arg_pageToken = "abc"'],
    ['{"response_metadata":{"next_cursor":"abc"}}', 'cursor', 'arg_cursor = "abc"'],
    ['{"next":"https://x.test/items?offset=20"}', 'offset', 'arg_offset = 20'],
    ['{"_links":{"next":{"href":"/items?page=2"}}}', 'page', 'arg_page = 2'],
    ['{"has_more":true}', 'starting_after', 'has_more'],
    ['{"next_cursor":"abc"}', 'other', 'next_cursor is "abc"'],
  ])('%s', async (body, name, wanted) => {
    const { call } = await world(answering(200, 'application/json', body))
    expect((await call({ parameters: [page(name)] })).texts[1]).toContain(wanted)
  })

  it.each(['{"next":null}', '{"next_cursor":""}', '{"has_more":false}', '{"a":1}', '[]'])(
    '%s has no next page',
    async (body) => {
      const { call } = await world(answering(200, 'application/json', body))
      expect((await call({ parameters: [page('cursor')] })).texts).toHaveLength(1)
    },
  )
})

describe('refusals of the API', () => {
  const parameters: RestPlan['parameters'] = [
    {
      argument: 'limit_arg',
      name: 'limit',
      in: 'query',
      style: 'form',
      explode: true,
      allowReserved: false,
      mediaType: undefined,
    },
  ]
  it.each([
    [
      '{"type":"about:blank","title":"Bad","detail":"too long"}',
      'application/problem+json',
      'Bad: too long',
    ],
    ['{"message":"Not like this"}', 'application/json', 'Not like this'],
    ['{"error":{"message":"Deep","code":3}}', 'application/json', 'Deep'],
    ['{"error":"invalid_x","error_description":"Described"}', 'application/json', 'Described'],
    ['{"errors":["one","two"]}', 'application/json', 'one; two'],
    [
      '{"errors":[{"message":"bad limit","field":"limit"}]}',
      'application/json',
      'argument limit_arg: bad limit',
    ],
    [
      '{"detail":[{"loc":["query","limit"],"msg":"must be > 0"}]}',
      'application/json',
      'argument limit_arg: must be > 0',
    ],
    [
      '{"errors":[{"source":{"parameter":"limit"},"detail":"no"}]}',
      'application/json',
      'argument limit_arg: no',
    ],
    ['{"errors":{"limit":["is odd"]}}', 'application/json', 'argument limit_arg: is odd'],
    [
      '{"error":{"param":"limit","message":"unknown"}}',
      'application/json',
      'argument limit_arg: unknown',
    ],
    [
      '<html><head><title>Bad  Gateway</title></head><body>x</body></html>',
      'text/html',
      ': Bad Gateway',
    ],
    ['plain reason', 'text/plain', ': plain reason'],
    ['<Error><Message>xml reason</Message></Error>', 'application/xml', 'xml reason'],
    ['', '', 'The API answered 400 Bad Request to GET /things.'],
  ])('%s', async (body, type, wanted) => {
    const { call } = await world(answering(400, type, body))
    const { isError, text, structured } = await call({
      path: '/things',
      parameters,
      structured: true,
    })
    expect(isError).toBe(true)
    expect(structured).toBeUndefined()
    expect(text).toContain('400')
    expect(text).toContain(wanted)
  })

  it('says whose fault a 401 is, and what a 403 means', async () => {
    const unknown = await world(answering(401, '', ''))
    expect((await unknown.call({ security: [['apiToken']] })).text).toMatch(
      /none \(apiToken\) is configured.*operator/s,
    )
    expect(
      (await unknown.call({}, {}, { headers: { authorization: 'Bearer abcdefgh' } })).text,
    ).toMatch(/does not accept the credential.*sallyport doctor/s)
    const forbidden = await world(answering(403, '', ''))
    expect(
      (await forbidden.call({}, {}, { headers: { authorization: 'Bearer abcdefgh' } })).text,
    ).toMatch(/may not do this/)
  })

  it('tells Retry-After, and how long', async () => {
    const { call } = await world(answering(429, '', '', { 'retry-after': '90' }))
    expect((await call()).text).toContain('The API asks to wait: 90 s')
  })

  it('no secret stands at the edge of what is cut', async () => {
    const secret = 'a-credential-of-some-length-7f3a'
    const body = (chars: number): string =>
      JSON.stringify({ message: `${'x'.repeat(chars)} ${secret}`, more: 'y'.repeat(5_000) })
    for (const chars of [960, 975, 985, 3_960, 3_975, 3_985]) {
      for (const [type, text] of [
        ['application/json', body(chars)],
        ['text/plain', body(chars)],
        ['text/html', `<title>${'x'.repeat(chars % 300)} ${secret}</title>`],
      ] as const) {
        const { call } = await world(answering(400, type, text), { credential: { bearer: secret } })
        expect((await call()).raw).not.toMatch(/a-credential-of-|credential-of-some/)
      }
    }
    const etag = { etag: `"${secret}"`, location: `${'x'.repeat(985)}${secret}` }
    const { call } = await world(answering(201, `x/${secret}`, 'x', etag), {
      credential: { bearer: secret },
    })
    expect((await call({ method: 'HEAD' })).raw).not.toContain(secret)
    expect((await call({ method: 'POST' })).raw).not.toMatch(/a-credential-of-|credential-of-some/)
  })

  it('a huge or binary refusal is cut', async () => {
    const { call } = await world(
      answering(500, 'application/json', JSON.stringify({ message: 'x'.repeat(500_000) })),
    )
    expect((await call()).text.length).toBeLessThan(10_000)
    const binary = await world(answering(500, 'image/png', Buffer.alloc(1000)))
    expect((await binary.call()).text).not.toContain('\0')
  })
})

describe('credentials', () => {
  const echo: Handler = (request, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ url: request.url, ...request.headers }))
  }
  /** What arrived, told by the server and not by the answer, from which secrets are taken. */
  async function arrived(
    credential: Credential,
    plan: Partial<RestPlan>,
    common: RestCommon = { security: {} },
    args: unknown = {},
  ): Promise<{ url: string; headers: Record<string, unknown>; raw: string }> {
    let url = ''
    let headers: Record<string, unknown> = {}
    const { call } = await world(
      (request, response, body) => {
        url = request.url ?? ''
        headers = request.headers
        echo(request, response, body)
      },
      { credential },
    )
    const { raw } = await call(plan, args, { common })
    return { url, headers, raw }
  }

  it('query: added, never replaced by an argument, never shown', async () => {
    const parameters: RestPlan['parameters'] = [
      {
        argument: 'key',
        name: 'key',
        in: 'query',
        style: 'form',
        explode: true,
        allowReserved: false,
        mediaType: undefined,
      },
      {
        argument: 'o',
        name: 'o',
        in: 'query',
        style: 'form',
        explode: true,
        allowReserved: false,
        mediaType: undefined,
      },
    ]
    const { url, raw } = await arrived(
      { query: { name: 'key', value: 'se cret&1' } },
      { parameters },
      undefined,
      { key: 'mine', o: { key: 'too', b: 1 } },
    )
    expect(url).toBe('/?b=1&key=se%20cret%261')
    expect(raw).not.toMatch(/se(?: |%20)cret/)
  })

  it('schemes: the first alternative that there are credentials for', async () => {
    const credential: Credential = {
      schemes: {
        header: { header: 'X-Api-Key', value: 'header-secret' },
        cookie: { cookie: { name: 'sid', value: 'cookie-secret' } },
        login: { basic: { username: 'u', password: 'basic-secret' } },
      },
    }
    const common: RestCommon = { security: {} }
    const first = await arrived(
      credential,
      { security: [['oauth'], ['header', 'cookie'], ['login']] },
      common,
    )
    expect(first.headers['x-api-key']).toBe('header-secret')
    expect(first.headers['cookie']).toBe('sid=cookie-secret')
    expect(first.headers['authorization']).toBeUndefined()
    expect(first.raw).not.toContain('secret')
    const second = await arrived(credential, { security: [[], ['login']] }, common)
    expect(second.headers['authorization']).toBe(
      `Basic ${Buffer.from('u:basic-secret').toString('base64')}`,
    )
    expect(second.raw).not.toContain(Buffer.from('u:basic-secret').toString('base64'))
    const none = await arrived(credential, { security: [['oauth'], []] }, common)
    expect(
      none.headers['authorization'] ?? none.headers['x-api-key'] ?? none.headers['cookie'],
    ).toBeUndefined()
  })

  it('a cookie of an argument stands beside the configured one and never for it', async () => {
    let cookie = ''
    const { call } = await world((request, response) => {
      cookie = request.headers.cookie ?? ''
      response.end('{}')
    })
    const parameters: RestPlan['parameters'] = ['sid', 'theme'].map((name) => ({
      argument: name,
      name,
      in: 'cookie',
      style: 'form',
      explode: true,
      allowReserved: false,
      mediaType: undefined,
    }))
    await call(
      { parameters },
      { sid: 'evil', theme: 'a; sid=evil' },
      { headers: { cookie: 'sid=right' } },
    )
    expect(cookie).toBe('theme=a%3B%20sid%3Devil; sid=right')
  })

  it('client credentials: one token for all, kept, renewed on 401 and when it expires, never shown', async () => {
    let issued = 0
    let clock = 1_000_000
    let valid = ''
    const forms: string[] = []
    const { server, call } = await world(
      (request, response, body) => {
        response.setHeader('content-type', 'application/json')
        if (request.url === '/token') {
          forms.push(`${request.headers.authorization} ${body.toString()}`)
          valid = `token-number-${++issued}`
          response.end(
            JSON.stringify({ access_token: valid, token_type: 'bearer', expires_in: 100 }),
          )
        } else if (request.headers.authorization === `Bearer ${valid}`)
          response.end(JSON.stringify({ saw: request.headers.authorization }))
        else {
          response.statusCode = 401
          response.end(JSON.stringify({ message: `bad ${request.headers.authorization}` }))
        }
      },
      {
        credential: { oauth: { clientId: 'id:1', clientSecret: 'oauth secret' } },
        now: () => clock,
      },
    )
    const common: RestCommon = {
      security: {
        o: { kind: 'clientCredentials', tokenUrl: `${server.origin}/token`, scopes: ['a', 'b'] },
      },
    }
    const get = (method = 'GET'): Promise<Result> =>
      call({ method, security: [['o']] }, {}, { common })
    const all = await Promise.all([get(), get(), get()])
    expect(issued).toBe(1)
    expect(forms[0]).toBe(
      `Basic ${Buffer.from('id%3A1:oauth+secret').toString('base64')} grant_type=client_credentials&scope=a+b`,
    )
    for (const { raw } of all) expect(raw).not.toContain('token-number')
    valid = 'revoked'
    expect((await get('POST')).isError).toBe(false)
    expect(issued).toBe(2)
    clock += 80_000
    await get()
    expect(issued).toBe(3)
  })

  it('client credentials in the body where the server takes only that; refused ones say so without the secret', async () => {
    let bodies = 0
    const token: Handler = (request, response, body) => {
      response.setHeader('content-type', 'application/json')
      if (request.url !== '/token') return void response.end('{}')
      if (
        request.headers.authorization !== undefined ||
        !body.toString().includes('client_secret=right')
      ) {
        response.statusCode = 401
        return void response.end(JSON.stringify({ error: 'invalid_client', hint: body.toString() }))
      }
      bodies++
      response.end('{"access_token":"abcdefgh"}')
    }
    const make = async (clientSecret: string): Promise<World> => {
      const made = await world(token, { credential: { oauth: { clientId: 'i', clientSecret } } })
      return made
    }
    const use = ({ server, call }: World): Promise<Result> =>
      call(
        { security: [['o']] },
        {},
        {
          common: {
            security: {
              o: { kind: 'clientCredentials', tokenUrl: `${server.origin}/token`, scopes: [] },
            },
          },
        },
      )
    expect((await use(await make('right'))).isError).toBe(false)
    expect(bodies).toBe(1)
    const error = await use(await make('wrong-secret')).catch((fault: unknown) => fault)
    expect(error).toMatchObject({ code: 'server_refused_us' })
    expect(error instanceof GatewayError && error.message).toContain('invalid_client')
    expect(JSON.stringify(error) + String(error)).not.toContain('wrong-secret')
  })

  it('a token endpoint that a description names on another host is refused', async () => {
    const { call } = await world(echo, {
      credential: { oauth: { clientId: 'i', clientSecret: 's' } },
    })
    const common: RestCommon = {
      security: {
        o: { kind: 'clientCredentials', tokenUrl: 'http://169.254.169.254/token', scopes: [] },
      },
    }
    await expect(call({ security: [['o']] }, {}, { common })).rejects.toMatchObject({
      code: 'egress_refused',
    })
  })
})

describe('redirects', () => {
  const secretHeaders = { authorization: 'Bearer redirect-secret', 'x-tenant': 'acme' }

  it('go on within the origin with everything, by the rules of methods', async () => {
    const seen: string[] = []
    const { call } = await world((request, response, body) => {
      seen.push(
        `${request.method} ${request.url} ${request.headers.authorization ?? '-'} ${request.headers['content-type'] ?? '-'} ${body}`,
      )
      const [, status] = /^\/(\d+)/.exec(request.url ?? '') ?? []
      if (status === undefined) return void response.end('{}')
      response.writeHead(Number(status), { location: '/done' })
      response.end()
    })
    const body: RestPlan['body'] = {
      from: { kind: 'argument', argument: 'b' },
      required: true,
      mediaType: 'application/json',
      form: 'json',
      parts: [],
      xml: undefined,
      xmlRoot: undefined,
    }
    for (const [method, status] of [
      ['POST', 302],
      ['POST', 303],
      ['POST', 307],
      ['PUT', 301],
      ['GET', 308],
    ] as const) {
      seen.length = 0
      await call(
        { method, path: `/${status}`, ...(method === 'GET' ? {} : { body }) },
        { b: 1 },
        { headers: secretHeaders },
      )
      const kept = status === 307 || method === 'PUT'
      expect(seen[1]).toBe(
        `${kept ? method : 'GET'} /done Bearer redirect-secret ${kept ? 'application/json 1' : '- '}`,
      )
    }
  })

  it('leave credentials behind at another origin, and send no body there', async () => {
    const heads: string[] = []
    const other = await serve((request, response) => {
      heads.push(JSON.stringify([request.url, request.headers]))
      response.setHeader('content-type', 'application/json')
      response.end('{"other":true}')
    })
    onTestFinished(() => other.stop())
    const { call } = await world(
      (_request, response) => {
        response.writeHead(307, { location: `${other.origin}/x` })
        response.end()
      },
      { credential: { query: { name: 'k', value: 'query-secret' } } },
    )
    const result = await call(
      {},
      {},
      { headers: { ...secretHeaders, cookie: 'sid=cookie-secret' } },
    )
    expect(result.structured).toEqual({ other: true })
    expect(heads[0]).not.toMatch(/secret|acme/)
    const post = await call({ method: 'POST' }, {}, { headers: secretHeaders })
    expect(post.isError).toBe(true)
    expect(post.text).toContain('another origin')
    expect(heads).toHaveLength(1)
  })

  it('keep the credential in the query within the origin', async () => {
    const urls: string[] = []
    const { call } = await world(
      (request, response) => {
        urls.push(request.url ?? '')
        if (urls.length > 1) return void response.end('{}')
        response.writeHead(302, { location: '/next?a=1' })
        response.end()
      },
      { credential: { query: { name: 'k', value: 'v w' } } },
    )
    await call()
    expect(urls).toEqual(['/?k=v%20w', '/next?a=1&k=v%20w'])
  })

  it.each([
    'http://169.254.169.254/latest/meta-data/',
    'http://[::ffff:169.254.169.254]/',
    'http://localhost:1/',
    'http://other.test/',
    'file:///etc/passwd',
  ])('to %s are refused by the guard', async (location) => {
    const { call } = await world((_request, response) => {
      response.writeHead(302, { location })
      response.end()
    })
    await expect(call()).rejects.toMatchObject({ code: 'egress_refused' })
  })

  it('end after five', async () => {
    let hops = 0
    const { call } = await world((_request, response) => {
      response.writeHead(302, { location: `/${++hops}` })
      response.end()
    })
    const { isError, text } = await call()
    expect(isError).toBe(true)
    expect(text).toContain('more than 5')
    expect(hops).toBe(6)
  })
})

describe('repeats', () => {
  it.each([
    ['GET', 2],
    ['PUT', 2],
    ['DELETE', 2],
    ['POST', 1],
    ['PATCH', 1],
  ])('a short Retry-After is kept for %s: %i requests', async (method, wanted) => {
    let count = 0
    const { call } = await world((_request, response) => {
      if (++count === 1) response.writeHead(503, { 'retry-after': '0' })
      response.end('{}')
    })
    await call({ method })
    expect(count).toBe(wanted)
  })

  it('a long one, or one past the deadline, is told instead', async () => {
    for (const [after, timeoutMs] of [
      ['60', 20_000],
      ['2', 500],
    ] as const) {
      let count = 0
      const { call } = await world(
        (_request, response) => {
          count++
          response.writeHead(429, { 'retry-after': after })
          response.end()
        },
        { timeoutMs },
      )
      expect((await call()).text).toContain(`wait: ${after} s`)
      expect(count).toBe(1)
    }
  })

  it('gives up after three', async () => {
    let count = 0
    const { call } = await world((request) => {
      count++
      request.socket.destroy()
    })
    await expect(call()).rejects.toMatchObject({ code: 'server_unavailable' })
    expect(count).toBe(3)
  })

  it('an answer that breaks in its middle is not asked for again', async () => {
    let count = 0
    const { call } = await world((request, response) => {
      count++
      response.writeHead(200, { 'content-length': '100' })
      response.write('x', () => request.socket.destroy())
    })
    await expect(call()).rejects.toMatchObject({ code: 'server_unavailable' })
    expect(count).toBe(1)
  })
})

describe('hostile answers', () => {
  it('always become a result, or an error of the catalogue', async () => {
    let next = { status: 200, headers: {}, body: Buffer.alloc(0) }
    const { call } = await world((_request, response) => {
      response.writeHead(next.status, next.headers)
      response.end(next.body)
    })
    const pieces = fc.constantFrom(
      ...[
        '{',
        '}',
        '[',
        ']',
        '"',
        ':',
        ',',
        '\\',
        '\\ud800',
        'null',
        '1e999',
        '<a b="&c;">',
        '</a>',
      ],
      ...[
        '<!DOCTYPE a [',
        '<?xml version="1.0" encoding="',
        'errors',
        'message',
        'next',
        '\0',
        '\ufeff',
      ],
    )
    const body = fc.oneof(
      fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
      fc.array(pieces, { maxLength: 25 }).map((all) => Buffer.from(all.join(''))),
      fc.json({ maxDepth: 4 }).map((text) => Buffer.from(text)),
      fc.constant(Buffer.from('['.repeat(20_000))),
    )
    const header = fc.string({ unit: fc.constantFrom(...'<>;=,"/?&%a \u00e9'), maxLength: 40 })
    const answers = fc.record({
      status: fc.constantFrom(200, 201, 203, 206, 226, 299, 300, 400, 401, 404, 418, 422, 500, 599),
      type: fc.constantFrom(
        ...[
          'application/json',
          'text/xml; charset=utf-16',
          'text/html',
          'image/png',
          'x',
          ';;',
          'text/plain; charset=nonsense',
        ],
      ),
      link: header,
      body,
    })
    await fc.assert(
      fc.asyncProperty(
        answers,
        fc.boolean(),
        async ({ status, type, link, body: bytes }, structured) => {
          next = {
            status,
            headers: { 'content-type': type, link, 'retry-after': link },
            body: bytes,
          }
          const result = await call({ structured }).catch((fault: unknown) => fault)
          if (result instanceof GatewayError) return
          if (result instanceof Error) throw result
          const { isError, structured: content } = Object(result)
          expect(isError).toBe(status >= 400)
          if (structured && !isError)
            expect(typeof content === 'object' && content !== null && !Array.isArray(content)).toBe(
              true,
            )
        },
      ),
      { numRuns: 400 },
    )
  })
})

describe('a plan that leads nowhere', () => {
  it('says what is missing', async () => {
    const { call } = await world(answering(200, '', ''))
    expect(await call({ baseUrl: '' })).toMatchObject({ isError: true })
    expect((await call({ baseUrl: '' })).text).toContain('openapi.baseUrl')
    expect((await call({ baseUrl: 'https://{tenant}' })).text).toContain('openapi.baseUrl')
    await expect(call({ baseUrl: 'http://10.0.0.1' })).rejects.toMatchObject({
      code: 'egress_refused',
    })
  })

  it('connections are kept', async () => {
    const sockets = new Set<unknown>()
    const { call } = await world((request, response) => {
      sockets.add(request.socket)
      response.end('{}')
    })
    for (let turn = 0; turn < 10; turn++) await call()
    // A socket is free a turn after its answer, so there may be two.
    expect(sockets.size).toBeLessThanOrEqual(2)
  })
})
