/** Makes CallToolResults of what APIs answer. JSON that an API sent is spliced in as it is, never re-serialised. */
import type { Answer } from './executor.ts'

const head = Buffer.from('{"resultType":"complete","content":[')

function whole(parts: readonly (string | Buffer)[], isError: boolean): Answer {
  const buffers = parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part))
  const bytes = Buffer.concat([head, ...buffers, Buffer.from(isError ? ',"isError":true}' : '}')])
  return { body: { kind: 'whole', bytes }, isError }
}

/** JSON of an API: as `structuredContent`, its bytes untouched, and as text for clients that read only that. */
export function jsonAnswer(json: Buffer, isError = false): Answer {
  const text = `{"type":"text","text":${JSON.stringify(json.toString('utf8'))}}],"structuredContent":`
  return whole([text, json], isError)
}

export function textAnswer(text: string, isError = false): Answer {
  return whole([`{"type":"text","text":${JSON.stringify(text)}}]`], isError)
}

/** Bytes that are neither JSON nor text: an image, audio, or a resource with its media type. */
export function binaryAnswer(bytes: Buffer, mediaType: string, name: string): Answer {
  const data = `"mimeType":${JSON.stringify(mediaType)}`
  const kind = /^(image|audio)\//.exec(mediaType)?.[1]
  const base64 = bytes.toString('base64')
  return kind === undefined
    ? whole(
        [
          `{"type":"resource","resource":{"uri":${JSON.stringify(`sallyport:result/${name}`)},${data},"blob":"${base64}"}}]`,
        ],
        false,
      )
    : whole([`{"type":"${kind}",${data},"data":"${base64}"}]`], false)
}
