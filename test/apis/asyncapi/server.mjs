// A WebSocket and SSE service as others write them: the `websocket` package on node:http. Run as a process of its own;
// prints its port, and on each line of stdin what it has seen so far.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { createInterface } from 'node:readline'
import websocket from 'websocket'

const [, , secret = 'nobody-knows', keyFile, certFile] = process.argv
const seen = {
  opened: 0,
  closed: 0,
  slow: 0,
  stopped: 0,
  flaky: 0,
  streams: 0,
  messages: [],
  upgrades: [],
}

const answer = (request, response) => {
  const url = new URL(request.url, 'http://x')
  seen.upgrades.push({ url: request.url, headers: request.headers })
  if (url.pathname === '/denied') {
    response.writeHead(403)
    response.end('the-reason')
    return
  }
  const lines = url.pathname.startsWith('/lines/')
  seen.streams++
  response.writeHead(200, { 'content-type': lines ? 'application/json' : 'text/event-stream' })
  let n = 0
  const timer = setInterval(() => {
    n++
    const data = JSON.stringify({
      kind: n % 2 === 0 ? 'even' : 'odd',
      n,
      room: url.pathname,
      big: 1,
    })
    const exact = data.replace('"big":1', '"big":12345678901234567890')
    response.write(lines ? `${exact}\n\r\n` : `: beat\nevent: tick\nid: ${n}\ndata: ${exact}\n\n`)
    if (url.searchParams.get('to') === String(n)) response.end()
  }, 5)
  response.on('close', () => {
    clearInterval(timer)
    seen.streams--
  })
}
const http =
  keyFile === undefined
    ? createServer(answer)
    : createTlsServer({ key: readFileSync(keyFile), cert: readFileSync(certFile) }, answer)

const server = new websocket.server({
  httpServer: http,
  maxReceivedMessageSize: 20_000_000,
  maxReceivedFrameSize: 20_000_000,
})
server.on('request', (request) => {
  const { pathname, searchParams } = new URL(request.resource, 'http://x')
  seen.upgrades.push({ url: request.resource, headers: request.httpRequest.headers })
  if (pathname === '/guarded' && request.httpRequest.headers.authorization !== `Bearer ${secret}`) {
    request.reject(401, `bad token ${request.httpRequest.headers.authorization}`)
    return
  }
  const connection = request.accept(request.requestedProtocols[0])
  seen.opened++
  const send = (value) =>
    connection.sendUTF(typeof value === 'string' ? value : JSON.stringify(value))
  const timers = []
  send({ event: 'systemStatus', status: 'online' })
  connection.on('message', ({ type, utf8Data = '' }) => {
    if (type !== 'utf8') return
    seen.messages = [...seen.messages, utf8Data].slice(-20)
    if (pathname === '/text') {
      send(`you said ${utf8Data}`)
      return
    }
    const message = JSON.parse(utf8Data) ?? {}
    // Some paths do always the same, whatever is sent.
    switch (message.event ?? pathname.slice(1)) {
      case 'ping':
        // A reply to somebody else and a beat come first.
        send({ event: 'pong', reqid: 1 })
        send({ event: 'heartbeat' })
        send('not json')
        connection.sendBytes(Buffer.from([0xff, 0xfe]))
        send(utf8Data.replace('"ping"', '"pong"'))
        break
      case 'subscribe':
        send({ event: 'subscriptionStatus', status: 'subscribed', pair: message.pair })
        timers.push(
          setInterval(() => send({ event: 'trade', pair: message.pair, price: '1.50' }), 5),
        )
        break
      case 'quiet':
        seen.slow++
        break
      case 'huge':
        send({ event: 'pong', reqid: message.reqid, text: 'x'.repeat(5_000_000) })
        break
      case 'flood':
        timers.push(
          setInterval(() => {
            for (let n = 0; n < 50; n++) send({ event: 'trade', text: 'x'.repeat(100_000) })
          }, 1),
        )
        break
      case 'leave':
        connection.close(1000)
        break
      case 'expire':
        connection.close(4401, 'token expired')
        break
      case 'crash':
        seen.flaky++
        connection.socket.destroy()
        break
      default:
    }
  })
  if (searchParams.get('stream') !== null)
    timers.push(setInterval(() => send({ event: 'trade', pair: ['A/B'], price: '2' }), 5))
  connection.on('close', () => {
    seen.closed++
    if (seen.slow > seen.stopped) seen.stopped++
    for (const timer of timers) clearInterval(timer)
  })
})

http.listen(0, '127.0.0.1', () =>
  process.stdout.write(`${JSON.stringify({ port: http.address().port })}\n`),
)
createInterface({ input: process.stdin })
  .on('line', () => process.stdout.write(`${JSON.stringify(seen)}\n`))
  .on('close', () => process.exit(0))
