import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RestBody, RestParameter, RestPlan } from '../../../model/kinds/openapi.ts'
import { ArgumentFault } from './arguments.ts'
import { type BuiltRequest, buildRequest, queryText } from './request.ts'

const param = (over: Partial<RestParameter>): RestParameter => ({
  argument: 'color',
  name: 'color',
  in: 'query',
  style: 'form',
  explode: true,
  allowReserved: false,
  mediaType: undefined,
  ...over,
})

const plan = (over: Partial<RestPlan>): RestPlan => ({
  method: 'GET',
  baseUrl: 'http://api.test',
  path: '/x',
  parameters: [],
  body: undefined,
  accept: 'application/json',
  security: [],
  answerXml: undefined,
  structured: false,
  ...over,
})

function query(parameter: Partial<RestParameter>, json: string): string {
  const built = buildRequest(plan({ parameters: [param(parameter)] }), `{"color":${json}}`)
  return queryText(built.query)
}

function path(parameter: Partial<RestParameter>, json: string, template = '/a/{color}/b'): string {
  return buildRequest(
    plan({
      path: template,
      parameters: [param({ in: 'path', style: 'simple', explode: false, ...parameter })],
    }),
    `{"color":${json}}`,
  ).path
}

function refused(act: () => unknown): ArgumentFault {
  try {
    act()
  } catch (fault) {
    if (fault instanceof ArgumentFault) return fault
    throw fault
  }
  throw new Error('was not refused')
}

const list = '["blue","black","brown"]'
const object = '{"R":100,"G":200,"B":150}'

describe('styles, with the examples of OpenAPI 3.1 section 4.8.12.4', () => {
  const queries: readonly (readonly [RestParameter['style'], boolean, string, string])[] = [
    ['form', true, '""', 'color='],
    ['form', true, '"blue"', 'color=blue'],
    ['form', false, list, 'color=blue,black,brown'],
    ['form', true, list, 'color=blue&color=black&color=brown'],
    ['form', false, object, 'color=R,100,G,200,B,150'],
    ['form', true, object, 'R=100&G=200&B=150'],
    ['spaceDelimited', false, list, 'color=blue%20black%20brown'],
    ['spaceDelimited', false, object, 'color=R%20100%20G%20200%20B%20150'],
    ['pipeDelimited', false, list, 'color=blue%7Cblack%7Cbrown'],
    ['pipeDelimited', false, object, 'color=R%7C100%7CG%7C200%7CB%7C150'],
    ['tabDelimited', false, list, 'color=blue%09black%09brown'],
    ['deepObject', true, object, 'color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150'],
    ['deepObject', true, '{"a":{"b":{"c":1}}}', 'color%5Ba%5D%5Bb%5D%5Bc%5D=1'],
    ['deepObject', true, '{"a":[1,2]}', 'color%5Ba%5D%5B%5D=1&color%5Ba%5D%5B%5D=2'],
    [
      'deepObject',
      true,
      '{"a":[{"b":1},{"b":2}]}',
      'color%5Ba%5D%5B0%5D%5Bb%5D=1&color%5Ba%5D%5B1%5D%5Bb%5D=2',
    ],
    // Nothing is said of these: RFC 6570 section 2.3 treats them as not given.
    ['form', true, '[]', ''],
    ['form', false, '[]', ''],
    ['form', true, '{}', ''],
    ['form', true, 'null', ''],
    ['form', true, '["a",null,"b"]', 'color=a&color=b'],
    ['deepObject', true, '{"a":null}', ''],
    ['form', true, 'true', 'color=true'],
    ['form', true, '0', 'color=0'],
    ['form', false, '["a,b","c"]', 'color=a%2Cb,c'],
    ['form', true, '{"a":{"b":1}}', 'a=%7B%22b%22%3A1%7D'],
  ]
  it.each(queries)('query %s explode %s of %s is %s', (style, explode, json, wanted) => {
    expect(query({ style, explode }, json)).toBe(wanted)
  })

  const paths: readonly (readonly [RestParameter['style'], boolean, string, string])[] = [
    ['simple', false, '"blue"', 'blue'],
    ['simple', false, list, 'blue,black,brown'],
    ['simple', true, list, 'blue,black,brown'],
    ['simple', false, object, 'R,100,G,200,B,150'],
    ['simple', true, object, 'R=100,G=200,B=150'],
    ['label', false, '"blue"', '.blue'],
    ['label', false, list, '.blue,black,brown'],
    ['label', true, list, '.blue.black.brown'],
    ['label', false, object, '.R,100,G,200,B,150'],
    ['label', true, object, '.R=100.G=200.B=150'],
    ['matrix', false, '""', ';color'],
    ['matrix', false, '"blue"', ';color=blue'],
    ['matrix', false, list, ';color=blue,black,brown'],
    ['matrix', true, list, ';color=blue;color=black;color=brown'],
    ['matrix', false, object, ';color=R,100,G,200,B,150'],
    ['matrix', true, object, ';R=100;G=200;B=150'],
  ]
  it.each(paths)('path %s explode %s of %s is %s', (style, explode, json, wanted) => {
    expect(path({ style, explode }, json)).toBe(`/a/${wanted}/b`)
  })

  it('headers are simple and not escaped, cookies are form', () => {
    const built = (over: Partial<RestParameter>, json: string): BuiltRequest =>
      buildRequest(plan({ parameters: [param(over)] }), `{"color":${json}}`)
    const header = { in: 'header', name: 'X-Color', style: 'simple', explode: false } as const
    expect(built(header, list).headers['x-color']).toBe('blue,black,brown')
    expect(built(header, object).headers['x-color']).toBe('R,100,G,200,B,150')
    expect(built({ ...header, explode: true }, object).headers['x-color']).toBe('R=100,G=200,B=150')
    expect(built(header, '"a b/c"').headers['x-color']).toBe('a b/c')
    expect(built({ in: 'cookie' }, '"a;b=c"').cookies).toEqual([['color', 'a%3Bb%3Dc']])
    expect(built({ in: 'cookie', explode: true }, list).cookies).toHaveLength(3)
  })

  it('a parameter with content is that content', () => {
    expect(query({ mediaType: 'application/json' }, '{"a":[1,{"b":null}]}')).toBe(
      `color=${encodeURIComponent('{"a":[1,{"b":null}]}')}`,
    )
    expect(query({ mediaType: 'application/json' }, '"x"')).toBe('color=%22x%22')
    expect(query({ mediaType: 'text/plain' }, '"x y"')).toBe('color=x%20y')
  })

  it('allowReserved keeps reserved characters, but none that would add a parameter', () => {
    expect(query({ allowReserved: true }, '"a/b:c?d@e,f;g$h"')).toBe('color=a/b:c?d@e,f;g$h')
    expect(query({ allowReserved: true }, '"a&b=c#d+e%2F"')).toBe('color=a%26b%3Dc%23d%2Be%252F')
  })

  it('numbers keep their digits', () => {
    expect(query({}, '12345678901234567890123')).toBe('color=12345678901234567890123')
    expect(query({}, '3.141592653589793238462643')).toBe('color=3.141592653589793238462643')
    expect(query({}, '[9007199254740993,1.0,1e3,0.10]')).toBe(
      'color=9007199254740993&color=1&color=1000&color=0.1',
    )
    expect(path({}, '90071992547409931')).toBe('/a/90071992547409931/b')
    expect(query({ mediaType: 'application/json' }, '{"id":90071992547409931}')).toContain(
      '90071992547409931',
    )
  })
})

describe('arguments are data', () => {
  it('a path value never leaves its segment', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary', maxLength: 12 }),
          fc.string({
            unit: fc.constantFrom('.', '/', '%', '2', 'F', 'f', 'e', 'E', '\\', '?', '#', ';'),
          }),
        ),
        (text) => {
          let built: string
          try {
            built = path({}, JSON.stringify(text))
          } catch (fault) {
            if (!(fault instanceof ArgumentFault)) throw fault
            expect(fault.argument).toBe('color')
            return
          }
          const url = new URL(`http://api.test${built}`)
          expect(url.pathname.split('/')).toHaveLength(4)
          expect(url.search + url.hash).toBe('')
          expect(url.pathname.endsWith('/b')).toBe(true)
          expect(decodeURIComponent(url.pathname.split('/')[2] ?? '')).toBe(text)
        },
      ),
      { numRuns: 400 },
    )
  })

  it.each(['"."', '".."', '""', 'null', '[]'])('%s as a path value is refused by name', (json) => {
    expect(refused(() => path({}, json)).argument).toBe('color')
  })

  it('two values in one segment make no dots either', () => {
    const dots = plan({
      path: '/a/{x}{y}/b',
      parameters: ['x', 'y'].map((name) =>
        param({ argument: name, name, in: 'path', style: 'simple' }),
      ),
    })
    expect(refused(() => buildRequest(dots, '{"x":".","y":"."}')).argument).toBe('x')
    expect(buildRequest(dots, '{"x":".","y":"z"}').path).toBe('/a/.z/b')
  })

  it('a missing path value is refused by name', () => {
    expect(refused(() => buildRequest(plan({ path: '/a/{color}' }), '{}')).argument).toBe('color')
  })

  it('a query value never adds a parameter', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.boolean(), (text, allowReserved) => {
        const sent = query({ allowReserved }, JSON.stringify(text))
        const url = new URL(`http://api.test/?${sent}`)
        expect([...url.searchParams]).toEqual([['color', text]])
        expect(url.hash).toBe('')
      }),
    )
  })

  it.each([
    ['"a\\r\\nX-Evil: 1"', /line breaks/],
    ['"a\\nb"', /line breaks/],
    ['"a\\u0000b"', /line breaks/],
    ['"\\u20ac"', /8859/],
    ['["a","b\\r"]', /line breaks/],
  ])('a header value %s is refused by name', (json, why) => {
    const fault = refused(() =>
      buildRequest(
        plan({ parameters: [param({ in: 'header', style: 'simple' })] }),
        `{"color":${json}}`,
      ),
    )
    expect(fault.argument).toBe('color')
    expect(fault.message).toMatch(why)
  })

  it.each(['Host', 'Content-Length', 'transfer-encoding', 'Connection', 'Expect'])(
    'the header %s cannot be set by an argument',
    (name) => {
      const parameters = [param({ in: 'header', style: 'simple', name })]
      expect(refused(() => buildRequest(plan({ parameters }), '{"color":"x"}')).argument).toBe(
        'color',
      )
    },
  )

  it('half a surrogate pair is refused by name', () => {
    expect(refused(() => query({}, '"\\ud800"')).argument).toBe('color')
  })

  it('a path with a query keeps it, and odd literals are escaped', () => {
    const built = buildRequest(
      plan({ path: '/a b/ü?action=list&empty', parameters: [param({})] }),
      '{"color":"x"}',
    )
    expect(built.path).toBe('/a%20b/%C3%BC')
    expect(queryText(built.query)).toBe('action=list&empty=&color=x')
  })
})

describe('bodies', () => {
  const body = (over: Partial<RestBody>): RestBody => ({
    from: { kind: 'argument', argument: 'body' },
    required: true,
    mediaType: 'application/json',
    form: 'json',
    parts: [],
    xml: undefined,
    xmlRoot: undefined,
    ...over,
  })
  const sent = (over: Partial<RestBody>, args: string): { text: string; type: string } => {
    const built = buildRequest(plan({ method: 'POST', body: body(over) }), args)
    return { text: String(built.body ?? ''), type: built.headers['content-type'] ?? '' }
  }
  const props = (...names: string[]): RestBody['from'] => ({
    kind: 'arguments',
    properties: Object.fromEntries(names.map((name) => [name, name])),
  })

  it('JSON of one argument is its own bytes', () => {
    const raw = '{ "id": 12345678901234567890, "x":1.0,"u":"\\u00e9" }'
    expect(sent({}, `{"body":${raw}}`).text).toBe(raw)
  })

  it('JSON of several arguments is spliced, under the names of the wire', () => {
    const from: RestBody['from'] = {
      kind: 'arguments',
      properties: { id: 'id', in: 'body_in', '"q': 'q' },
    }
    expect(
      sent({ from }, '{"body_in":[1.10],"id":12345678901234567890,"q":null,"other":1}').text,
    ).toBe('{"id":12345678901234567890,"in":[1.10],"\\"q":null}')
  })

  it('no argument, no body; a required one of no members is {}', () => {
    expect(buildRequest(plan({ body: body({}) }), '{}').body).toBeUndefined()
    expect(
      buildRequest(plan({ body: body({ from: props('a'), required: false }) }), '{}').body,
    ).toBeUndefined()
    expect(sent({ from: props('a') }, '{}').text).toBe('{}')
  })

  it('urlencoded, with the encoding of each property', () => {
    const form = {
      form: 'urlencoded',
      mediaType: 'application/x-www-form-urlencoded',
      from: props('a', 'list', 'deep', 'json', 'n'),
      parts: [
        { name: 'list', mediaType: undefined, style: 'form', explode: false, file: false },
        { name: 'deep', mediaType: undefined, style: 'deepObject', explode: true, file: false },
        { name: 'json', mediaType: 'application/json', style: 'form', explode: true, file: false },
      ],
    } as const
    const { text, type } = sent(
      form,
      '{"a":"x y&z=1","list":[1,2],"deep":{"k":{"l":"m"}},"json":{"big":12345678901234567890},"n":null}',
    )
    expect(type).toBe('application/x-www-form-urlencoded')
    expect(text).toBe(
      'a=x%20y%26z%3D1&list=1,2&deep%5Bk%5D%5Bl%5D=m&json=%7B%22big%22%3A12345678901234567890%7D',
    )
  })

  it('multipart is what a reader of forms reads', async () => {
    const part = { style: 'form', explode: true } as const
    const built = buildRequest(
      plan({
        method: 'POST',
        body: body({
          form: 'multipart',
          mediaType: 'multipart/form-data',
          from: props('name', 'meta', 'photo', 'note', 'many', 'tags'),
          parts: [
            { ...part, name: 'photo', mediaType: 'image/png, image/jpeg', file: true },
            { ...part, name: 'note', mediaType: undefined, file: true },
            { ...part, name: 'many', mediaType: undefined, file: true },
          ],
        }),
      }),
      JSON.stringify({
        name: 'a\r\n--b"c',
        meta: { k: [1] },
        photo: { data: Buffer.from([0, 255, 13, 10]).toString('base64'), fileName: 'x"\r\ny.png' },
        note: 'text é',
        many: [{ data: 'YQ==', mediaType: 'text/csv' }, 'b'],
        tags: ['x', 'y'],
      }),
    )
    const form = await new Response(Buffer.from(built.body ?? ''), {
      headers: { 'content-type': built.headers['content-type'] ?? '' },
    }).formData()
    expect(form.get('name')).toBe('a\r\n--b"c')
    expect(form.getAll('tags')).toEqual(['x', 'y'])
    const file = (value: unknown): File => {
      if (!(value instanceof File)) throw new Error('is no file')
      return value
    }
    const photo = file(form.get('photo'))
    expect([...new Uint8Array(await photo.arrayBuffer())]).toEqual([0, 255, 13, 10])
    expect(photo.type).toBe('image/png')
    expect(photo.name).toBe('x"\r\ny.png')
    expect(await file(form.get('note')).text()).toBe('text é')
    expect(form.getAll('many').map((value) => file(value).type)).toEqual([
      'text/csv',
      'application/octet-stream',
    ])
    expect(String(built.body)).toContain('Content-Type: application/json\r\n\r\n{"k":[1]}')
  })

  it('files that are no base64 are refused by name', () => {
    const over = {
      form: 'multipart',
      mediaType: 'multipart/form-data',
      from: props('photo'),
      parts: [{ name: 'photo', mediaType: undefined, style: 'form', explode: true, file: true }],
    } as const
    for (const photo of [
      '{"data":"***"}',
      '{"data":1}',
      '[1]',
      '{"data":"YQ==","mediaType":"a\\r\\nb"}',
    ])
      expect(refused(() => sent(over, `{"photo":${photo}}`)).argument).toBe('photo')
  })

  it('text and binary', () => {
    expect(sent({ form: 'text', mediaType: 'text/plain' }, '{"body":"a\\u00e9"}')).toEqual({
      text: 'aé',
      type: 'text/plain; charset=utf-8',
    })
    const binary = { form: 'binary', mediaType: 'application/octet-stream' } as const
    expect(sent(binary, '{"body":"AAEC"}').text).toBe('AAEC')
    expect(sent(binary, '{"body":"not base64!"}').text).toBe('not base64!')
    const open = { ...binary, mediaType: '*/*' }
    expect(sent(binary, '{"body":{"data":"YQ==","mediaType":"text/csv"}}').type).toBe(
      'application/octet-stream',
    )
    expect(sent(open, '{"body":{"data":"YQ==","mediaType":"text/csv"}}')).toEqual({
      text: 'a',
      type: 'text/csv',
    })
    expect(
      sent({ ...binary, mediaType: 'image/png' }, '{"body":{"data":"YQ==","mediaType":"text/csv"}}')
        .type,
    ).toBe('image/png')
  })

  it('XML by its shape, with nothing of an argument as markup', () => {
    const xml = {
      form: 'xml',
      mediaType: 'application/xml',
      xmlRoot: 'pet',
      xml: {
        namespace: 'http://pets.test/',
        prefix: 'p',
        properties: {
          id: { attribute: true },
          photos: { wrapped: true, name: 'photoList', items: { name: 'photo' } },
          tag: { items: {} },
          owner: { name: 'Owner', properties: { age: { attribute: true } } },
        },
      },
    } as const
    const { text } = sent(
      xml,
      '{"body":{"id":12345678901234567890,"photos":["a","b"],"tag":[1,2],"owner":{"age":3,"name":"<b>&\\"</b>"}}}',
    )
    expect(text).toBe(
      '<?xml version="1.0" encoding="UTF-8"?><p:pet xmlns:p="http://pets.test/" id="12345678901234567890">' +
        '<photoList><photo>a</photo><photo>b</photo></photoList><tag>1</tag><tag>2</tag>' +
        '<Owner age="3"><name>&lt;b&gt;&amp;&quot;&lt;/b&gt;</name></Owner></p:pet>',
    )
    for (const evil of ['{"a><x":1}', '{"a":"\\u0001"}', '{"a b":1}'])
      expect(refused(() => sent(xml, `{"body":${evil}}`)).argument).toBe('body')
  })
})
