/**
 * A list whose members come and go with every call. A Set would serve but for one thing: V8 gives a Set a new table
 * every few changes, and in a long-lived Set the tables that it leaves behind keep what they held alive until the next
 * full collection, whole calls. A link that was taken out holds nothing.
 */
export interface Link<T> {
  value: T | undefined
  before: Link<T> | undefined
  after: Link<T> | undefined
}

export class Chain<T> {
  private first: Link<T> | undefined
  private last: Link<T> | undefined
  private count = 0

  get size(): number {
    return this.count
  }

  /** The member that came first. */
  get oldest(): T | undefined {
    return this.first?.value
  }

  /** Adds at the end; the link is the way to take it out again. */
  add(value: T): Link<T> {
    const link: Link<T> = { value, before: this.last, after: undefined }
    if (this.last === undefined) this.first = link
    else this.last.after = link
    this.last = link
    this.count++
    return link
  }

  /** Does nothing with a link that was taken out already. */
  remove(link: Link<T>): void {
    if (link.value === undefined) return
    const { before, after } = link
    if (before === undefined) this.first = after
    else before.after = after
    if (after === undefined) this.last = before
    else after.before = before
    link.value = undefined
    link.before = undefined
    link.after = undefined
    this.count--
  }

  moveToEnd(link: Link<T>): void {
    const { last } = this
    if (link === last || link.value === undefined) return
    const { before, after } = link
    if (before === undefined) this.first = after
    else before.after = after
    if (after !== undefined) after.before = before
    link.before = last
    link.after = undefined
    if (last !== undefined) last.after = link
    this.last = link
  }

  clear(): void {
    this.first = undefined
    this.last = undefined
    this.count = 0
  }

  /** Those that are there now, oldest first. */
  values(): T[] {
    const all: T[] = []
    for (let link = this.first; link !== undefined; link = link.after)
      if (link.value !== undefined) all.push(link.value)
    return all
  }
}
