// What node:http alone costs: the bytes of a file from one buffer, or, on GET, an event stream that says nothing.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'

const [port, file] = process.argv.slice(2)
const body = file === undefined ? Buffer.from('{}') : readFileSync(file)

const server = createServer((request, response) => {
  if (request.url === '/stream') {
    request.resume()
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
    response.write('data: {}\n\n')
    return
  }
  request.resume()
  request.on('end', () => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length })
    response.end(body)
  })
})
server.keepAliveTimeout = 75_000
process.on('SIGTERM', () => process.exit(0))
server.listen(Number(port), '127.0.0.1')
