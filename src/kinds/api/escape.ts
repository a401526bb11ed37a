/** A name and a value of a query or a form. */
export type Pair = readonly [name: string, value: string]

/** RFC 3986 section 2.3: everything but unreserved characters is escaped. */
export function escapeAll(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}
