/**
 * Whether a URI can be an expansion of a template (RFC 6570). Linear: only the literal parts are compared,
 * which is enough to find the definition; the server itself decides what it serves.
 */
export function templateMatches(template: string, uri: string): boolean {
  const literals = template.split(/\{[^{}]*\}/)
  const first = literals[0] ?? ''
  const last = literals.at(-1) ?? ''
  if (literals.length === 1) return template === uri
  if (!uri.startsWith(first) || uri.length < first.length + last.length || !uri.endsWith(last))
    return false
  let from = first.length
  const end = uri.length - last.length
  for (const literal of literals.slice(1, -1)) {
    const at = uri.indexOf(literal, from)
    if (at < 0 || at + literal.length > end) return false
    from = at + literal.length
  }
  return true
}
