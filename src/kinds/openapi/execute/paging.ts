/** Tells a model that there is a next page, which argument leads to it, and where else the answer leads. */
import type { RestParameter, RestPlan } from '../../../model/kinds/openapi.ts'
import { type Answered, followLinks, linkScalars } from './links.ts'

export interface Page extends Answered {
  /** Of the answer; RFC 8288. */
  readonly link: string | undefined
}

const valueCharsMax = 2_000
const linkCharsMax = 16_384

/** Where bodies say what comes next; paths from the root. */
const tokenPaths: readonly (readonly string[])[] = [
  ['next_cursor'],
  ['nextCursor'],
  ['next_page_token'],
  ['nextPageToken'],
  ['next_token'],
  ['nextToken'],
  ['NextToken'],
  ['next_page'],
  ['nextPage'],
  ['next'],
  ['@odata.nextLink'],
  ['cursor', 'next'],
  ['cursors', 'after'],
  ['paging', 'next'],
  ['paging', 'next', 'after'],
  ['paging', 'cursors', 'after'],
  ['pagination', 'next'],
  ['pagination', 'next_cursor'],
  ['pagination', 'next_page'],
  ['meta', 'next_cursor'],
  ['meta', 'next_page'],
  ['meta', 'next'],
  ['response_metadata', 'next_cursor'],
  ['links', 'next'],
  ['links', 'pages', 'next'],
  ['_links', 'next'],
  ['_links', 'next', 'href'],
  ['links', 'next', 'href'],
]

/** JSON pointers (RFC 6901) of everything in an answer that is looked at here. */
const pagingScalars: readonly string[] = [
  ...tokenPaths.map((path) => path.map((key) => `/${key}`).join('')),
  '/has_more',
  '/hasMore',
]

/** JSON pointers (RFC 6901) of everything that `whatNext` looks at in an answer to this plan. */
export function scalarsOf(plan: RestPlan): ReadonlySet<string> {
  return new Set([...pagingScalars, ...linkScalars(plan)])
}

/** Arguments that take such a value, the likeliest first. */
const cursorNames =
  /^(?:(?:next|page|start|after|continuation)?[-_]?(?:cursor|token)|starting_?after|after|next|continue|offset|marker|page|start)$/i

/** What comes next, a sentence a line: links of the description before what is usual. Undefined when nothing does. */
export function whatNext(page: Page): string | undefined {
  const { page: linked, calls } = followLinks(page)
  const turned = linked === undefined ? nextPage(page) : again(linked)
  const sentences = turned === undefined ? calls : [turned, ...calls]
  return sentences.length === 0 ? undefined : sentences.join('\n')
}

function again(said: string): string {
  return `There are more results. For the next page call again with ${said} and the other arguments as they are.`
}

/** A sentence about the next page; undefined when there is none, or when the API does not say. */
function nextPage({ plan, link, url, value }: Page): string | undefined {
  const target = link === undefined || link.length > linkCharsMax ? undefined : nextOf(link)
  if (target !== undefined)
    return byUrl(plan, url, target) ?? 'There are more results; the API names a next page.'
  for (const path of tokenPaths) {
    const token = at(value, path)
    if (typeof token !== 'string' && typeof token !== 'number') continue
    const text = String(token)
    if (text === '' || text.length > valueCharsMax) continue
    const name = path.join('.')
    if (/^(?:https?:\/)?\//.test(text)) {
      const sentence = byUrl(plan, url, text)
      if (sentence !== undefined) return sentence
      continue
    }
    const parameter = cursorParameter(plan, path)
    return parameter === undefined
      ? `There are more results: ${name} is ${JSON.stringify(token)}.`
      : again(`${parameter.argument} = ${JSON.stringify(token)}`)
  }
  return at(value, ['has_more']) === true || at(value, ['hasMore']) === true
    ? 'There are more results (the API says has_more).'
    : undefined
}

function at(value: unknown, path: readonly string[]): unknown {
  let inner = value
  for (const key of path) {
    if (typeof inner !== 'object' || inner === null || !Object.hasOwn(inner, key)) return undefined
    inner = Object.entries(inner).find(([name]) => name === key)?.[1]
  }
  return inner
}

function inQuery(plan: RestPlan): readonly RestParameter[] {
  return plan.parameters.filter((parameter) => parameter.in === 'query')
}

function cursorParameter(plan: RestPlan, path: readonly string[]): RestParameter | undefined {
  const last = (path.at(-1) ?? '').replace(/[-_]/g, '').toLowerCase()
  const all = inQuery(plan).filter(({ name }) => cursorNames.test(name))
  const likeness = ({ name }: RestParameter): number => {
    const plain = name.replace(/[-_]/g, '').toLowerCase()
    return plain === last || `next${plain}` === last ? 2 : last.endsWith(plain) ? 1 : 0
  }
  return [...all].sort((a, b) => likeness(b) - likeness(a))[0]
}

/** The arguments that make the difference to the URL of the next page. Nothing else of that URL is told. */
function byUrl(plan: RestPlan, url: URL, target: string): string | undefined {
  const next = URL.parse(target, url.href)
  if (next === null) return undefined
  const changed: string[] = []
  for (const { name, argument } of inQuery(plan)) {
    const value = next.searchParams.get(name)
    if (value !== null && value.length <= valueCharsMax && value !== url.searchParams.get(name))
      changed.push(`${argument} = ${value}`)
  }
  return changed.length === 0 ? undefined : again(changed.join(', '))
}

/** The target of `rel="next"` in a Link field (RFC 8288 section 3). */
function nextOf(link: string): string | undefined {
  for (const match of link.matchAll(
    /<([^<>]*)>((?:\s*;\s*[\w*-]+\s*=\s*(?:"[^"]*"|[^",;\s]*))*)/g,
  )) {
    const rel = /;\s*rel\s*=\s*(?:"([^"]*)"|([^",;\s]*))/i.exec(match[2] ?? '')
    const relations = (rel?.[1] ?? rel?.[2] ?? '').toLowerCase().split(/\s+/)
    if (relations.includes('next')) return match[1]
  }
  return undefined
}
