import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { GatewayError } from '../model/refusal.ts'

/**
 * Reads a whole body of at most `bytesMax` bytes.
 * @throws GatewayError body_too_large, body_timeout, json_invalid (not UTF-8)
 */
export function readBody(
  request: IncomingMessage,
  bytesMax: number,
  timeoutMs: number,
): Promise<Buffer> {
  const declared = request.headers['content-length']
  if (declared !== undefined && Number(declared) > bytesMax)
    return Promise.reject(
      new GatewayError('body_too_large', { detail: `Content-Length ${declared}` }),
    )
  return new Promise((resolve, reject) => {
    let first: Buffer | undefined
    let chunks: Buffer[] | undefined
    let bytes = 0
    const timer = setTimeout(() => fail(new GatewayError('body_timeout')), timeoutMs)
    const fail = (error: GatewayError): void => {
      clearTimeout(timer)
      request.off('data', take)
      request.pause()
      reject(error)
    }
    const take = (chunk: Buffer): void => {
      bytes += chunk.length
      if (bytes > bytesMax)
        fail(new GatewayError('body_too_large', { detail: `more than ${bytesMax} bytes` }))
      else if (first === undefined) first = chunk
      else {
        chunks ??= [first]
        chunks.push(chunk)
      }
    }
    request.on('data', take)
    request.on('end', () => {
      clearTimeout(timer)
      resolve(chunks === undefined ? (first ?? Buffer.alloc(0)) : Buffer.concat(chunks))
    })
    request.on('error', () =>
      fail(new GatewayError('cancelled', { detail: 'the connection broke' })),
    )
    request.on('close', () => {
      if (!request.complete)
        fail(new GatewayError('cancelled', { detail: 'the connection closed' }))
    })
  })
}

/** The text of a body; invalid UTF-8 is refused, since parsers repair it differently. */
export function bodyText(body: Buffer): string {
  if (!isUtf8(body)) throw new GatewayError('json_invalid', { detail: 'not UTF-8' })
  return body.toString('utf8')
}
