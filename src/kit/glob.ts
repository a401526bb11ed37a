/**
 * Patterns in which `*` stands for any run of characters and everything else for itself.
 * Matching goes forward only, so that no pattern can make it backtrack.
 */
export interface Glob {
  readonly text: string
  /** What the text must start with; the whole text when there is no `*`. */
  readonly prefix: string
  readonly suffix: string
  /** What must lie between prefix and suffix, in this order. */
  readonly middles: readonly string[]
  /** No `*`: equal or not. */
  readonly exact: boolean
}

export function parseGlob(text: string): Glob {
  const [prefix = '', ...rest] = text.split('*')
  const suffix = rest.pop()
  return {
    text,
    prefix,
    suffix: suffix ?? '',
    middles: rest.filter((part) => part !== ''),
    exact: suffix === undefined,
  }
}

/** Whether the whole of `text` is of the pattern's form. */
export function globMatches(glob: Glob, text: string): boolean {
  const { prefix, suffix, middles } = glob
  if (glob.exact) return text === prefix
  if (text.length < prefix.length + suffix.length) return false
  if (!text.startsWith(prefix) || !text.endsWith(suffix)) return false
  let from = prefix.length
  for (const middle of middles) {
    const at = text.indexOf(middle, from)
    if (at < 0) return false
    from = at + middle.length
  }
  return from <= text.length - suffix.length
}

/** Whether some text is of both forms. Between two ends that agree, each `*` can take the other's middle. */
export function globsMeet(a: Glob, b: Glob): boolean {
  if (a.exact) return globMatches(b, a.prefix)
  if (b.exact) return globMatches(a, b.prefix)
  return (
    (a.prefix.startsWith(b.prefix) || b.prefix.startsWith(a.prefix)) &&
    (a.suffix.endsWith(b.suffix) || b.suffix.endsWith(a.suffix))
  )
}

/** Whether every text of `inner` is of the form of `outer`: only a `*` of `outer` can take a `*`. */
export function globCovers(outer: Glob, inner: Glob): boolean {
  return outer.exact ? inner.exact && outer.text === inner.text : globMatches(outer, inner.text)
}
