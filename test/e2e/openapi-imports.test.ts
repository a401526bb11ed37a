/** Requests that were seen, as tools: what a call of them sends. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { dig } from './json.ts'
import { type RestRecorder, startRestRecorder } from './rest-recorder.ts'

const slashed = 'ORIGIN/projects/group%2Fproject%3A%E4%B8%AD/issues%20new'
const har = (request: object): string =>
  JSON.stringify({
    log: {
      version: '1.2',
      entries: [
        {
          request,
          response: { status: 200, content: { mimeType: 'application/json', text: '{}' } },
        },
      ],
    },
  })
const postman = (request: object): string =>
  JSON.stringify({
    info: {
      name: 'P',
      schema: 'https://schema.getpostman.com/json/collection/v2.1.0/collection.json',
    },
    item: [{ name: 'issues', request }],
  })
const multipart = { mimeType: 'multipart/form-data', params: [] }

const curls = `curl 'ORIGIN/s?tag=a&tag=b&ids[]=1&one=2'
curl ORIGIN/f -d 'a[]=1&a[]=x' -d b=1
curl ORIGIN/m -F 'meta={"a":1};type=application/json' -F 'f=@a.png;type=image/png' -F 'f=@b.png;type=image/png' -F 'note=a;b' -F 'quoted="x;y";type=text/csv'
curl ORIGIN/d -d 'a=1' -d @more.txt
curl ORIGIN/only -d @more.txt
curl ORIGIN/raw --data-binary @picture.png
curl ORIGIN/escaped --data-urlencode 'q=a&b=c' --data-urlencode text@long.txt
curl ORIGIN/xml -H 'content-type: application/xml' -d '<a><b>1</b></a>'
curl 'ORIGIN/twice?x=1'
curl 'ORIGIN/twice?x=1&x=2'
`

let rest: RestRecorder

beforeAll(async () => {
  rest = await startRestRecorder({
    curl: { spec: `curl "${slashed}"`, extension: 'curl' },
    har: { spec: har({ method: 'GET', url: slashed, headers: [] }), extension: 'har' },
    postman: { spec: postman({ method: 'GET', url: slashed }), extension: 'json' },
    curls: { spec: curls, extension: 'txt' },
    parts: {
      spec: har({
        method: 'POST',
        url: 'ORIGIN/parts',
        headers: [],
        postData: {
          ...multipart,
          params: [
            { name: 'meta', value: '{"a":1}', contentType: 'application/json' },
            { name: 'f', fileName: 'a.png', contentType: 'image/png' },
          ],
        },
      }),
      extension: 'har',
    },
    'postman-parts': {
      spec: postman({
        method: 'POST',
        url: 'ORIGIN/parts?x=1&x=2',
        body: {
          mode: 'formdata',
          formdata: [
            { key: 'meta', value: '{"a":1}', type: 'text', contentType: 'application/json' },
            { key: 'f', type: 'file', src: 'a.png', contentType: 'image/png' },
            { key: 'f', type: 'file', src: 'b.png', contentType: 'image/png' },
          ],
        },
      }),
      extension: 'json',
    },
  })
})
afterAll(() => rest?.stop())

const json = /name="meta"\r\nContent-Type: application\/json\r\n\r\n\{"a":2\}\r\n/
const picture = /name="f"; filename="f"\r\nContent-Type: image\/png\r\n\r\nabc/

test.each<[string, string, object, string, readonly RegExp[], string?]>([
  ...['curl', 'har', 'postman'].map(
    (server): [string, string, object, string, readonly RegExp[]] => [
      server,
      'issues',
      {},
      'GET /projects/group%2Fproject%3A%E4%B8%AD/issues%20new',
      [],
    ],
  ),
  [
    'curls',
    '/s',
    { tag: ['x', 'y'], 'ids[]': [3], one: 4 },
    'GET /s?tag=x&tag=y&ids%5B%5D=3&one=4',
    [],
  ],
  ['curls', '/f', { 'a[]': ['1', '2'], b: 3 }, 'POST /f', [/^a%5B%5D=1&a%5B%5D=2&b=3$/]],
  [
    'curls',
    '/m',
    { meta: { a: 2 }, f: ['abc', 'def'], note: 'n', quoted: 'q' },
    'POST /m',
    [
      json,
      picture,
      /image\/png\r\n\r\ndef/,
      /"note"\r\n\r\nn\r\n/,
      /"quoted"\r\nContent-Type: text\/csv\r\n\r\nq/,
    ],
  ],
  [
    'curls',
    '/d',
    { body: { a: 1, more: 'x' } },
    'POST /d',
    [/^a=1&more=x$/],
    'application/x-www-form-urlencoded',
  ],
  ['curls', '/only', { body: { x: 1 } }, 'POST /only', [/^x=1$/]],
  ['curls', '/raw', { body: { data: 'AAEC' } }, 'POST /raw', [], 'application/octet-stream'],
  ['curls', '/escaped', { q: 'x', text: 'y' }, 'POST /escaped', [/^q=x&text=y$/]],
  ['curls', '/xml', { body: '<c/>' }, 'POST /xml', [/^<c\/>$/], 'application/xml; charset=utf-8'],
  ['curls', '/twice', { x: [1] }, 'GET /twice?x=1', []],
  ['parts', '/parts', { meta: { a: 2 }, f: 'abc' }, 'POST /parts', [json, picture]],
  [
    'postman-parts',
    '/parts',
    { meta: { a: 2 }, f: ['abc'], x: [1, 2] },
    'POST /parts?x=1&x=2',
    [json, picture],
  ],
])('%s %s %j', async (server, ending, args, line, bodies, type) => {
  const tools = await rest.tools(server)
  const words = ending.replace('/', '')
  const tool = tools.find(({ name }) => tools.length === 1 || name.endsWith(`_${words}`))
  if (tool === undefined)
    throw new Error(`no tool for ${ending} in ${tools.map(({ name }) => name)}`)
  const given = renamed(args, Object.keys(Object(dig(tool.inputSchema, 'properties'))))
  const { seen, text } = await rest.call(server, tool.name, given)
  expect(seen?.line, text).toBe(line)
  for (const body of bodies) expect(seen?.body).toMatch(body)
  if (type !== undefined) expect(seen?.type).toBe(type)
})

/** `a[]` is called `a`. */
function renamed(args: object, names: readonly string[]): object {
  return Object.fromEntries(
    Object.entries(args).map(([name, value]) => [
      names.includes(name) ? name : name.replace('[]', ''),
      value,
    ]),
  )
}
