// The reference of every ratio: a reverse proxy that checks nothing. Request body buffered, no parse,
// keep-alive on both sides, the answer streamed through.
import { createServer } from 'node:http'
import { Pool } from 'undici'

const [port, upstream] = process.argv.slice(2)
const pool = new Pool(upstream, { connections: 256, pipelining: 1, keepAliveTimeout: 30_000 })
const hop = new Set(['host', 'connection', 'keep-alive', 'transfer-encoding', 'content-length'])

const server = createServer((request, response) => {
  const chunks = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () => {
    const headers = {}
    for (const name in request.headers) if (!hop.has(name)) headers[name] = request.headers[name]
    const body = chunks.length > 1 ? Buffer.concat(chunks) : (chunks[0] ?? null)
    const handler = {
      onRequestStart() {},
      onResponseStart(_controller, status, answer) {
        delete answer.connection
        delete answer['keep-alive']
        response.writeHead(status, answer)
      },
      onResponseData(controller, chunk) {
        if (response.write(chunk)) return
        controller.pause()
        response.once('drain', () => controller.resume())
      },
      onResponseEnd: () => response.end(),
      onResponseError: () => response.destroy(),
    }
    pool.dispatch({ path: request.url, method: request.method, headers, body }, handler)
  })
})
server.keepAliveTimeout = 75_000
process.on('SIGTERM', () => process.exit(0))
server.listen(Number(port), '127.0.0.1')
