// A client process that calls without pause and writes down what it was answered, until the gateway is gone.
//   node kill-client.ts FILE KEY URL...
// A line is `head DIGEST` once an answer begins, and `whole DIGEST` once its last byte arrived.
import { createHash, randomBytes } from 'node:crypto'
import { openSync, writeSync } from 'node:fs'
import { Agent, type IncomingMessage, request } from 'node:http'
import { legacySession, modernHeaders, modernMeta } from '../e2e/client.ts'

const [file = '', key = '', ...urls] = process.argv.slice(2)
const loopsPerUrl = 6
const output = openSync(file, 'a')
const run = randomBytes(6).toString('hex')
const agent = new Agent({ keepAlive: true })
const write = (word: string, digest: string): void => {
  writeSync(output, `${word} ${digest}\n`)
}

/** Posts one call; resolves with whether its answer arrived whole. */
function post(
  url: string,
  headers: Record<string, string>,
  body: string,
  digest: string,
): Promise<boolean> {
  return new Promise((resolve) => {
    const outgoing = request(url, { method: 'POST', agent, headers }, (answer: IncomingMessage) => {
      if (answer.statusCode !== 200) throw new Error(`status ${answer.statusCode}`)
      write('head', digest)
      answer.resume()
      answer.on('end', () => {
        if (answer.complete) write('whole', digest)
        resolve(answer.complete)
      })
      answer.on('error', () => resolve(false))
    })
    outgoing.on('error', () => resolve(false))
    outgoing.end(body)
  })
}

async function loop(url: string, number: number): Promise<void> {
  const legacy = number % 2 === 0
  const session = legacy ? (await legacySession(url, key)).id : ''
  const common = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    authorization: `Bearer ${key}`,
  }
  const own = legacy ? { 'mcp-session-id': session } : modernHeaders('tools/call', 'echo')
  const meta = legacy ? '' : `,"_meta":${JSON.stringify(modernMeta())}`
  for (let count = 1; ; count++) {
    const args = `{"unique":"${run}-${url.slice(-5)}-${number}-${count}"}`
    const digest = createHash('sha256').update(args).digest('hex')
    const params = `{"name":"echo","arguments":${args}${meta}}`
    const body = `{"jsonrpc":"2.0","id":${count},"method":"tools/call","params":${params}}`
    if (!(await post(url, { ...common, ...own }, body, digest))) return
  }
}

await Promise.all(
  urls.flatMap((url) => Array.from({ length: loopsPerUrl }, (_, number) => loop(url, number))),
)
