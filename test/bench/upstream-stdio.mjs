// The same echo server for gateways that only take a child process.
import { echoTool, resultOf } from './echo-reply.mjs'

let rest = ''
process.stdin.setEncoding('utf8')
process.stdin.on('data', (chunk) => {
  const lines = (rest + chunk).split('\n')
  rest = lines.pop()
  let out = ''
  for (const line of lines) {
    if (line.trim() === '') continue
    const message = JSON.parse(line)
    if (message.id === undefined) continue
    const result = resultOf(message, [echoTool])
    const part =
      result === undefined ? { error: { code: -32601, message: 'Method not found' } } : { result }
    out += `${JSON.stringify({ jsonrpc: '2.0', id: message.id, ...part })}\n`
  }
  if (out !== '') process.stdout.write(out)
})
process.stdin.on('end', () => process.exit(0))
