/** Which media type of several is spoken, and in which form it is written. */
import type { RestBody } from '../../../model/kinds/openapi.ts'

export type Form = RestBody['form']

/** `application/json; charset=utf-8` without its parameters, in lower case. */
export function bareType(mediaType: string): string {
  return (mediaType.split(';', 1)[0] ?? '').trim().toLowerCase()
}

export function isJson(mediaType: string): boolean {
  const bare = bareType(mediaType)
  return /^[\w.*-]+\/([\w.*-]+\+)?json$/.test(bare) || bare === 'text/x-json'
}

/** How a body of this type is written; `*` types by what their schema is. */
export function formOf(mediaType: string, isStructured: boolean): Form {
  const bare = bareType(mediaType)
  if (isJson(bare)) return 'json'
  if (bare === 'application/x-www-form-urlencoded') return 'urlencoded'
  if (bare.startsWith('multipart/') || bare === 'application/form-data') return 'multipart'
  if (/^(application|text)\/([\w.-]+\+)?xml$/.test(bare)) return 'xml'
  if (bare.includes('*') && isStructured) return 'json'
  if (bare.startsWith('text/') || /(yaml|graphql|javascript|ndjson|jsonl|sql)$/.test(bare))
    return 'text'
  return 'binary'
}

const preference: readonly Form[] = ['json', 'urlencoded', 'multipart', 'xml', 'text', 'binary']

/**
 * JSON first, since arguments are JSON; then forms, then XML, then text. Among several of one form the plain one
 * (`application/json` before `application/vnd.x+json`), then the first. `structured` tells it of `*` types.
 */
export function chooseMediaType(
  mediaTypes: readonly string[],
  structured: (mediaType: string) => boolean,
): { readonly mediaType: string; readonly form: Form } | undefined {
  const ranked = mediaTypes.map((mediaType, index) => {
    const form = formOf(mediaType, structured(mediaType))
    const isPlain = bareType(mediaType) === 'application/json' ? 0 : 1
    return { mediaType, form, rank: preference.indexOf(form) * 2 + isPlain, index }
  })
  ranked.sort((a, b) => a.rank - b.rank || a.index - b.index)
  return ranked[0]
}

/** What is sent for a type with `*`. */
export function concreteType(mediaType: string, form: Form): string {
  const bare = bareType(mediaType)
  if (bare === 'application/form-data') return 'multipart/form-data'
  if (!bare.includes('*')) return mediaType
  if (form === 'json') return 'application/json'
  return form === 'text' ? 'text/plain' : 'application/octet-stream'
}
