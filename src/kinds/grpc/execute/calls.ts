/** The three forms of a gRPC call that are made, each with its end as one event. */
import type { Client, Metadata, StatusObject } from '@grpc/grpc-js'
import { GatewayError } from '../../../model/refusal.ts'
import type { Grpc } from './channel.ts'

/** A channel, and until when a call on it may last. */
export interface Line {
  readonly grpc: Grpc
  readonly client: Client
  /** Milliseconds since 1970. */
  readonly deadline: number
}

/** A status that is not OK. */
export class CallFault extends Error {
  readonly status: StatusObject
  /** The server itself said it; else the connection did. */
  readonly answered: boolean

  constructor(status: StatusObject, answered: boolean) {
    super(status.details)
    this.status = status
    this.answered = answered
  }
}

/** Of HTTP alone, or set by the library. */
const notMetadata = /^(?:host|connection|content-.*|te|transfer-encoding|user-agent|grpc-.*|:.*)$/

const asIs = (bytes: Buffer): Buffer => bytes
const hasTrailers = ({ metadata }: StatusObject): boolean =>
  Object.keys(metadata.getMap()).length > 0

/** Headers as metadata; those with `-bin` hold base64 of bytes (gRPC over HTTP/2, "Custom-Metadata"). */
function metadataOf(grpc: Grpc, headers: Readonly<Record<string, string>>): Metadata {
  const metadata = new grpc.Metadata()
  for (const [name, value] of Object.entries(headers))
    if (!notMetadata.test(name))
      metadata.set(name, name.endsWith('-bin') ? Buffer.from(value, 'base64') : value)
  return metadata
}

interface CallEvents {
  on(event: 'metadata', listener: () => void): unknown
  on(event: 'status', listener: (status: StatusObject) => void): unknown
}

/** Tells the end once: a fault, or none when the status is OK. */
function onEnd(call: CallEvents, end: (fault: CallFault | undefined) => void): void {
  let head = false
  call.on('metadata', () => {
    head = true
  })
  call.on('status', (status) =>
    end(status.code === 0 ? undefined : new CallFault(status, head || hasTrailers(status))),
  )
}

function cancelOn(signal: AbortSignal, call: { cancel(): void }): () => void {
  const abort = (): void => call.cancel()
  signal.addEventListener('abort', abort, { once: true })
  if (signal.aborted) abort()
  return () => signal.removeEventListener('abort', abort)
}

interface Sent {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

/** @throws CallFault */
export function callUnary(
  { grpc, client, deadline }: Line,
  { path, request, headers, signal }: Sent & { request: Buffer; signal: AbortSignal },
): Promise<Buffer> {
  return new Promise<Buffer>((resolve, reject) => {
    let bytes: Buffer = Buffer.alloc(0)
    const metadata = metadataOf(grpc, headers)
    const call = client.makeUnaryRequest(
      path,
      asIs,
      asIs,
      request,
      metadata,
      { deadline },
      (_error, value) => {
        bytes = value ?? bytes
      },
    )
    const settled = cancelOn(signal, call)
    onEnd(call, (fault) => {
      settled()
      if (fault === undefined) resolve(bytes)
      else reject(fault)
    })
  })
}

export interface StreamEvents {
  message(bytes: Buffer): void
  /** Undefined: the service had no more. */
  end(fault: CallFault | undefined): void
}

/** Returns the way to break it off. */
export function callStream(
  { grpc, client, deadline }: Line,
  { path, request, headers }: Sent & { request: Buffer },
  events: StreamEvents,
): () => void {
  const metadata = metadataOf(grpc, headers)
  const call = client.makeServerStreamRequest(path, asIs, asIs, request, metadata, { deadline })
  call.on('data', (bytes: Buffer) => events.message(bytes))
  // Every error is a status too.
  call.on('error', () => undefined)
  onEnd(call, (fault) => events.end(fault))
  return () => call.cancel()
}

export interface Dialogue {
  /** One question, one answer. @throws CallFault */
  ask(request: Buffer): Promise<Buffer>
  end(): void
}

/** A stream in both directions on which questions are answered in order. */
export function openDialogue(
  { grpc, client, deadline }: Line,
  { path, headers, signal }: Sent & { signal: AbortSignal },
): Dialogue {
  const metadata = metadataOf(grpc, headers)
  const call = client.makeBidiStreamRequest(path, asIs, asIs, metadata, { deadline })
  const settled = cancelOn(signal, call)
  const { promise: failed, reject } = Promise.withResolvers<never>()
  failed.catch(() => undefined)
  let answer: ((bytes: Buffer) => void) | undefined
  call.on('data', (bytes: Buffer) => answer?.(bytes))
  call.on('error', () => undefined)
  onEnd(call, (fault) =>
    reject(fault ?? new GatewayError('server_broken', { detail: 'the stream ended' })),
  )
  return {
    ask(request) {
      const answered = new Promise<Buffer>((resolve) => {
        answer = resolve
      })
      call.write(request)
      return Promise.race([answered, failed])
    },
    end() {
      settled()
      call.end()
      call.cancel()
    },
  }
}
