/** Writes one message to a client: whole, in pieces, or as its parts arrive. What breaks off before anything left becomes an error under its id. */
import type { ServerResponse } from 'node:http'
import { GatewayError, publicSentence, refusals, toGatewayError } from '../model/refusal.ts'
import { drained } from './event-stream.ts'
import type { Out } from './settings.ts'

/** A body up to this size goes out in one piece with its head. */
export const oneWriteBytesMax = 65_536

/** A small answer as one string of its bytes, which node:http writes in one piece with the head. */
export function writeWhole(
  response: ServerResponse,
  headers: Record<string, string | number>,
  out: Out,
): void {
  if (bytesOf(out) > oneWriteBytesMax) {
    writePieces(response, headers, out)
    return
  }
  let text = ''
  for (const part of out.head)
    text += typeof part === 'string' ? byteText(part) : part.toString('latin1')
  text += byteText(out.tail)
  headers['content-length'] = text.length
  response.writeHead(out.status, headers).end(text, 'latin1')
}

/** Of what is there already, about. */
export function bytesOf(out: Out): number {
  let bytes = 0
  for (const part of out.head) bytes += part.length
  return bytes
}

/** A large answer without copying it together. */
function writePieces(
  response: ServerResponse,
  headers: Record<string, string | number>,
  out: Out,
): void {
  let bytes = Buffer.byteLength(out.tail)
  for (const part of out.head)
    bytes += typeof part === 'string' ? Buffer.byteLength(part) : part.length
  headers['content-length'] = bytes
  response.writeHead(out.status, headers)
  response.cork()
  for (const part of out.head) response.write(part)
  response.end(out.tail)
  response.uncork()
}

/** The UTF-8 bytes of a text, one character each. */
function byteText(text: string): string {
  // ASCII, the usual case, is that already.
  return /^[\0-\x7f]*$/.test(text) ? text : Buffer.from(text).toString('latin1')
}

/** So much of an answer is held before its head leaves, so that one which breaks off early becomes a refusal. */
const heldBytesMax = 1_000_000

/** Of a stream: the head leaves with the first piece that is not held. */
export async function writeStream(
  response: ServerResponse,
  headers: Record<string, string | number>,
  out: Out,
): Promise<void> {
  const held = [...out.head]
  let bytes = 0
  let started = false
  // It may be stopped while this waits for a client that takes nothing.
  out.stream?.onStop(() => {
    if (started) response.destroy()
  })
  try {
    for await (const chunk of out.stream ?? []) {
      bytes += chunk.length
      if (started) {
        if (!response.write(chunk)) await drained(response)
      } else if (bytes <= heldBytesMax) held.push(chunk)
      else {
        started = true
        response.writeHead(out.status, headers)
        for (const part of [...held.splice(0), chunk]) response.write(part)
      }
      if (response.destroyed) break
    }
    if (started) response.end(out.tail)
    else if (!response.destroyed) writeWhole(response, headers, { ...out, head: held })
  } catch (thrown) {
    // The server broke off in the middle: a short chunked body is the only honest end.
    if (started) response.destroy()
    else {
      const error = toGatewayError(thrown)
      const text = errorInstead(out.rpcId, error)
      writeWhole(response, headers, {
        status: refusals[error.code].http,
        rpcId: out.rpcId,
        head: [text],
        stream: undefined,
        tail: '',
      })
    }
  }
}

function oneBuffer(parts: Out['head']): Buffer {
  if (parts.every((part) => typeof part === 'string')) return Buffer.from(parts.join(''))
  return Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)))
}

/** What a transport that frames whole messages holds of one. */
export const wholeBytesMax = 64_000_000

/** The whole text of a message, for transports that frame it; one that is too large or breaks off becomes an error under the same id. */
export async function wholeText(out: Out, bytesMax = wholeBytesMax): Promise<string> {
  const chunks = [oneBuffer(out.head)]
  let bytes = 0
  try {
    for await (const chunk of out.stream ?? []) {
      bytes += chunk.length
      if (bytes > bytesMax) {
        const error = new GatewayError('answer_too_large')
        out.stream?.stop(error)
        throw error
      }
      chunks.push(chunk)
    }
  } catch (thrown) {
    return errorInstead(out.rpcId, toGatewayError(thrown))
  }
  return Buffer.concat(chunks).toString('utf8') + out.tail
}

/** Nothing of the answer left yet, so an error under its id can take its place. */
export function errorInstead(rpcId: string, error: GatewayError): string {
  return `{"jsonrpc":"2.0","id":${rpcId},"error":{"code":${refusals[error.code].rpc},"message":${JSON.stringify(publicSentence(error))},"data":{"code":"${error.code}"}}}`
}
